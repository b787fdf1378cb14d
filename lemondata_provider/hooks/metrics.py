"""Report submits and waits to Airflow's statistics; docs/reference/metrics.md lists names, kinds and tags."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.task import Task


class Stats(Protocol):
    """The part of Airflow's statistics that is used here."""

    def incr(self, stat: str, count: float = 1, *, tags: Any = None) -> Any:
        """Increment a counter."""

    def gauge(self, stat: str, value: float, *, tags: Any = None) -> Any:
        """Set a gauge."""

    def timing(self, stat: str, dt: timedelta, *, tags: Any = None) -> Any:
        """Record a duration."""


class Metrics:
    """
    Report submits, polls and waits; errors of the statistics end none of them.

    :param stats: Airflow's statistics.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def submitted(self, model: str, estimated_cost_usd: str | None) -> None:
        """Count a submit that LemonData accepted, and its price if that is known."""
        tags = {"model": model}
        _report(self._stats.incr, "lemondata.submits", tags=tags)
        if estimated_cost_usd is not None:
            _report(self._stats.incr, "lemondata.estimated_cost_usd", float(estimated_cost_usd), tags=tags)

    def submit_failed(self, error: LemonDataError, model: str) -> None:
        """Count a submit that LemonData refused, or may have accepted; none that was not sent."""
        outcome, tags = classify_submit_error(error), {"model": model}
        if outcome is SubmitOutcome.REFUSED:
            _report(self._stats.incr, "lemondata.submits_refused", tags=tags)
        if outcome is SubmitOutcome.UNKNOWN:
            _report(self._stats.incr, "lemondata.submits_unknown", tags=tags)

    def waiting(self, tasks: int) -> None:
        """Set the number of tasks in flight."""
        _report(self._stats.gauge, "lemondata.tasks_in_flight", tasks)

    def polled(self) -> None:
        """Count a poll."""
        _report(self._stats.incr, "lemondata.polls")

    def rate_limited(self) -> None:
        """Count a poll with a 429 response."""
        _report(self._stats.incr, "lemondata.rate_limited")

    def ended(self, task: Task, model: str, now: float) -> None:
        """Record generation time and detection lag, if the service reports the times."""
        tags = {"model": task.model or model}
        if task.seconds is not None and task.seconds >= 0:
            _report(self._stats.timing, "lemondata.generation_seconds", timedelta(seconds=task.seconds), tags=tags)
        if task.updated:
            lag = datetime.fromtimestamp(now, timezone.utc) - task.updated
            _report(self._stats.timing, "lemondata.detection_lag", max(lag, timedelta()), tags=tags)


def _report(record: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    with suppress(Exception):
        record(*args, **kwargs)
