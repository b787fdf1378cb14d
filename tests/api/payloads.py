"""Payloads of tasks, and values of a wrong type."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from lemondata_provider.api.task import Task

WRONG = [None, True, False, 0, -1, 3.5, float("nan"), float("inf"), 10**400, "", " ", "x", [], ["x"], {}, {"url": 5}]
WHEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
A, B = "https://cdn.test/a.mp4", "https://cdn.test/b.mp4?sig=1%2F2"


def read_task(**fields: Any) -> Task:
    return Task.read(fields, "ldtask_1", "/v1/tasks/ldtask_1")
