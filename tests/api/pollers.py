"""Pollers with a fixed clock, and the tasks and errors that the tests give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lemondata_provider.api.errors import (
    AccessDeniedError,
    AnswerLostError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    InsufficientBalanceError,
    LemonDataError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TaskNotFoundError,
    UnreadableAnswerError,
)
from lemondata_provider.api.polling import Failed, PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.task import Task

START = 1_000_000.0
POLL_URL = "/v1/tasks/t1?k=1"


def make_poller(interval: float = 5.0, timeout: float = 600.0, jitter: Callable[[], float] = lambda: 1.0) -> TaskPoller:
    return TaskPoller(TaskWait("t1", POLL_URL, "c", START + timeout, interval), jitter=jitter)


def task(status: str = "processing", **fields: Any) -> Task:
    return Task.read({"status": status, **fields}, "t1", POLL_URL)


def gone() -> TaskNotFoundError:
    return TaskNotFoundError("gone", status=404, code="async_task_not_found")


def poll_again(step: PollResult) -> PollAgain:
    assert isinstance(step, PollAgain), step
    return step


def error_of(step: PollResult) -> LemonDataError:
    assert isinstance(step, Failed), step
    assert (step.error.task_id, step.error.poll_url) == ("t1", POLL_URL)
    assert POLL_URL in str(step.error)
    return step.error


VIDEO = {"video_url": "https://cdn.test/a.mp4"}
PASSING = [
    RateLimitError("slow", status=429),
    ServiceError("down", status=500),
    ServiceError("never", status=503, hints={"retryable": False}),
    AnswerLostError("reset"),
    ConnectionFailedError("refused"),
    UnreadableAnswerError("html"),
    BadRequestError("odd", status=400),
    InsufficientBalanceError("poor", status=402),
]
REFUSED = [
    AuthenticationError("bad key", status=401),
    AccessDeniedError("not yours", status=403),
    ConfigurationError("no such connection"),
    NotFoundError("no such page", status=404),
]
passing = pytest.mark.parametrize("error", PASSING, ids=lambda error: error.message)
refused = pytest.mark.parametrize("error", REFUSED, ids=lambda error: error.message)
