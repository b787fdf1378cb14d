"""What Airflow's statistics are told of waiting: names, kinds and tags stand in docs/scaling.md."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from lemondata_provider.api.task import Task


class Stats(Protocol):
    """What is used of Airflow's statistics."""

    def incr(self, stat: str, count: int = 1, *, tags: Any = None) -> Any:
        """Count."""

    def gauge(self, stat: str, value: float, *, tags: Any = None) -> Any:
        """Tell a level."""

    def timing(self, stat: str, dt: timedelta, *, tags: Any = None) -> Any:
        """Tell a duration."""


class Metrics:
    """
    Tell what happens; trouble in telling ends no wait.

    :param stats: Airflow's statistics.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def waiting(self, tasks: int) -> None:
        """Tell how many tasks are waited for."""
        _tell(self._stats.gauge, "lemondata.tasks_in_flight", tasks)

    def polled(self) -> None:
        """Count a poll."""
        _tell(self._stats.incr, "lemondata.polls")

    def rate_limited(self) -> None:
        """Count a poll that a 429 answered."""
        _tell(self._stats.incr, "lemondata.rate_limited")

    def ended(self, task: Task, model: str, now: float) -> None:
        """Tell how long a task took, and how long its end was not noticed, as far as the service tells."""
        tags = {"model": task.model or model}
        if task.seconds is not None and task.seconds >= 0:
            _tell(self._stats.timing, "lemondata.generation_seconds", timedelta(seconds=task.seconds), tags=tags)
        if task.updated:
            lag = datetime.fromtimestamp(now, timezone.utc) - task.updated
            _tell(self._stats.timing, "lemondata.detection_lag", max(lag, timedelta()), tags=tags)


def _tell(how: Callable[..., Any], *what: Any, **tags: Any) -> None:
    with suppress(Exception):
        how(*what, **tags)
