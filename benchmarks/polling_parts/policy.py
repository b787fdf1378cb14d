"""The decisions of the poll hub without its client and its event loop: pure, on one clock in seconds."""

from typing import Any

from benchmarks.polling_parts.service import LIMIT, Work
from lemondata_provider.api.errors import RateLimitError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.polling import PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.rate_limiter import RateLimiter
from lemondata_provider.api.task import Task
from lemondata_provider.triggers.schedule import MIN_INTERVAL_SHARE, Schedule

POLL_INTERVAL = 5.0
EPOCH = 1_800_000_000.0  # Unix seconds at the beginning of simulated time
FAR = EPOCH + 1e9


class Ours:
    """Decide which task is polled when."""

    def __init__(self) -> None:
        self._limiter = RateLimiter(LIMIT)
        self._schedule: Schedule[Work] = Schedule(self._limiter)
        self._forecast = Forecast()
        self._waits: dict[str, TaskPoller] = {}

    def arrived(self, work: Work, now: float) -> None:
        """Begin to wait for a task that was just created."""
        self._limiter.record_external(now)
        wait = self._waits[work.id] = TaskPoller(
            TaskWait(work.id, f"/v1/tasks/{work.id}", "benchmark", FAR, POLL_INTERVAL, created=work.created),
            min_interval=MIN_INTERVAL_SHARE * POLL_INTERVAL,
            forecast=self._forecast,
        )
        self._plan(work, wait.start(EPOCH + now, self._round_seconds()), now)

    def next_at(self, now: float) -> float | None:
        """Return when to take the next task, if any waits."""
        return self._schedule.next_at(now)

    def take(self, now: float) -> Work | None:
        """Return the task to poll now."""
        return self._schedule.take(now)

    def on_task(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        """Plan the next poll and return False, or return True if the task has ended."""
        task = Task.read(answer, work.id, answer["poll_url"])
        return self._plan(work, self._waits[work.id].on_task(task, EPOCH + now, self._round_seconds()), now)

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        """Plan the next poll after a 429."""
        self._limiter.on_rate_limited(now)
        self._limiter.pause_until(now + retry_after)
        error = RateLimitError("Too many requests", retry_after=float(retry_after))
        self._plan(work, self._waits[work.id].on_error(error, EPOCH + now), now)

    def _round_seconds(self) -> float:
        return self._schedule.round_seconds(len(self._waits))

    def _plan(self, work: Work, result: PollResult, now: float) -> bool:
        if not isinstance(result, PollAgain):
            del self._waits[work.id]
            return True
        self._schedule.put(work, now + result.delay, result.predicted)
        return False
