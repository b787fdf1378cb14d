"""Who is polled, and when: the policies that are compared, pure, on one clock in seconds."""

import heapq
import itertools
from collections import deque
from typing import Any, Protocol

from benchmarks.polling_parts.service import LIMIT, Work
from lemondata_provider.api.errors import RateLimitError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.polling import PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.rate_limiter import RateLimiter
from lemondata_provider.api.task import Task
from lemondata_provider.triggers.schedule import Schedule

POLL_INTERVAL = 5.0
MIN_INTERVAL_SHARE = 0.4  # as in lemondata_provider.triggers.poll_hub, which would import Airflow
EPOCH = 1_800_000_000.0  # Unix seconds at the beginning of simulated time
FAR = EPOCH + 1e9


class Policy(Protocol):
    """Who is polled, and when."""

    def arrived(self, work: Work, now: float) -> None:
        """Begin to wait for a task that was just created."""

    def next_at(self, now: float) -> float | None:
        """Say when to take the next one."""

    def take(self, now: float) -> Work | None:
        """Say who is polled now."""

    def on_task(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        """Plan the next poll, or return that the task has ended."""

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        """Plan the next poll after a 429."""


class Plain:
    """Every trigger alone: a poll every five seconds, whatever came of the last one."""

    def __init__(self) -> None:
        self._polls: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()

    def arrived(self, work: Work, now: float) -> None:
        heapq.heappush(self._polls, (now + POLL_INTERVAL, next(self._numbers), work))

    def next_at(self, now: float) -> float | None:
        return self._polls[0][0] if self._polls else None

    def take(self, now: float) -> Work | None:
        return heapq.heappop(self._polls)[2]

    def on_task(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        if answer["status"] == "completed":
            return True
        self.arrived(work, now)
        return False

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        self.arrived(work, now)


class RoundRobin:
    """One pacer for all, with our limiter but without any knowledge: whoever was polled is the last again."""

    def __init__(self) -> None:
        self._limiter = RateLimiter(LIMIT)
        self._line: deque[Work] = deque()

    def arrived(self, work: Work, now: float) -> None:
        self._limiter.record_external(now)
        self._line.append(work)

    def next_at(self, now: float) -> float | None:
        return self._limiter.available_at(now) if self._line else None

    def take(self, now: float) -> Work | None:
        self._limiter.acquire(now)
        return self._line.popleft()

    def on_task(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        if answer["status"] == "completed":
            return True
        self._line.append(work)
        return False

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        self._limiter.pause_until(now + retry_after)
        self._line.append(work)


class Ours:
    """
    What the hub does, without its client and its event loop.

    :param creates_count: whether the creates are in the window of the rate limit.
    :param created_off: by how many seconds the triggers are wrong about the creation of their tasks; ``None`` if only
        answers tell it, in whole seconds.
    """

    def __init__(self, creates_count: bool = True, created_off: float | None = 0.0) -> None:
        self._creates_count = creates_count
        self._created_off = created_off
        self._limiter = RateLimiter(LIMIT)
        self._schedule: Schedule[Work] = Schedule(self._limiter)
        self._forecast = Forecast()
        self._waits: dict[str, TaskPoller] = {}

    def arrived(self, work: Work, now: float) -> None:
        if self._creates_count:
            self._limiter.record_external(now)
        created = None if self._created_off is None else work.created + self._created_off
        wait = self._waits[work.id] = TaskPoller(
            TaskWait(work.id, f"/v1/tasks/{work.id}", "benchmark", FAR, POLL_INTERVAL, created=created),
            min_interval=MIN_INTERVAL_SHARE * POLL_INTERVAL,
            forecast=self._forecast,
        )
        self._plan(work, wait.start(EPOCH + now, self._round_seconds()), now)

    def next_at(self, now: float) -> float | None:
        return self._schedule.next_at(now)

    def take(self, now: float) -> Work | None:
        return self._schedule.take(now)

    def on_task(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        task = Task.read(answer, work.id, answer["poll_url"])
        return self._plan(work, self._waits[work.id].on_task(task, EPOCH + now, self._round_seconds()), now)

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        self._limiter.on_rate_limited(now)
        self._limiter.pause_until(now + retry_after)
        error = RateLimitError("Too many requests", retry_after=float(retry_after))
        self._plan(work, self._waits[work.id].on_error(error, EPOCH + now), now)

    def _round_seconds(self) -> float:
        return self._schedule.round_seconds(len(self._waits))

    def _plan(self, work: Work, step: PollResult, now: float) -> bool:
        if not isinstance(step, PollAgain):
            del self._waits[work.id]
            return True
        self._schedule.put(work, now + step.delay, step.predicted)
        return False
