"""Who is looked at, and when: the policies that are compared, pure, on one clock in seconds."""

import heapq
import itertools
from collections import deque
from typing import Any, Protocol

from benchmarks.polling_parts.service import LIMIT, Work
from lemondata_provider.api.errors import RateLimitError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.models import Task
from lemondata_provider.api.pacing import Budget
from lemondata_provider.api.polling import LookAgain, Step, Wait
from lemondata_provider.triggers.schedule import Schedule

POLL_INTERVAL = 5.0
EAGER = 0.4  # as in lemondata_provider.triggers.hub, which would import Airflow
EPOCH = 1_800_000_000.0  # Unix seconds at the beginning of simulated time
FAR = EPOCH + 1e9


class Policy(Protocol):
    """Who is looked at, and when."""

    def arrived(self, work: Work, now: float) -> None:
        """Begin to wait for a task that was just created."""

    def next_at(self, now: float) -> float | None:
        """Say when to take the next one."""

    def take(self, now: float) -> Work | None:
        """Say who is looked at now."""

    def answered(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        """Plan the next look, or return that the task has ended."""

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        """Plan the next look after a 429."""


class Plain:
    """Every trigger alone: a look every five seconds, whatever came of the last one."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()

    def arrived(self, work: Work, now: float) -> None:
        heapq.heappush(self._looks, (now + POLL_INTERVAL, next(self._numbers), work))

    def next_at(self, now: float) -> float | None:
        return self._looks[0][0] if self._looks else None

    def take(self, now: float) -> Work | None:
        return heapq.heappop(self._looks)[2]

    def answered(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        if answer["status"] == "completed":
            return True
        self.arrived(work, now)
        return False

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        self.arrived(work, now)


class RoundRobin:
    """One pacer for all, with our budget but without any knowledge: whoever was looked at is the last again."""

    def __init__(self) -> None:
        self._budget = Budget(LIMIT)
        self._line: deque[Work] = deque()

    def arrived(self, work: Work, now: float) -> None:
        self._budget.count_elsewhere(now)
        self._line.append(work)

    def next_at(self, now: float) -> float | None:
        return self._budget.next_at(now) if self._line else None

    def take(self, now: float) -> Work | None:
        self._budget.spend(now)
        return self._line.popleft()

    def answered(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        if answer["status"] == "completed":
            return True
        self._line.append(work)
        return False

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        self._budget.hold(now + retry_after)
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
        self._budget = Budget(LIMIT)
        self._schedule: Schedule[Work] = Schedule(self._budget)
        self._forecast = Forecast()
        self._waits: dict[str, Wait] = {}

    def arrived(self, work: Work, now: float) -> None:
        if self._creates_count:
            self._budget.count_elsewhere(now)
        wait = self._waits[work.id] = Wait(
            work.id,
            f"/v1/tasks/{work.id}",
            poll_interval=POLL_INTERVAL,
            pause=EAGER * POLL_INTERVAL,
            deadline=FAR,
            created=None if self._created_off is None else work.created + self._created_off,
            forecast=self._forecast,
        )
        self._plan(work, wait.start(EPOCH + now, self._turn()), now)

    def next_at(self, now: float) -> float | None:
        return self._schedule.next_at(now)

    def take(self, now: float) -> Work | None:
        return self._schedule.take(now)

    def answered(self, work: Work, answer: dict[str, Any], now: float) -> bool:
        task = Task.read(answer, work.id, answer["poll_url"])
        return self._plan(work, self._waits[work.id].answered(task, EPOCH + now, self._turn()), now)

    def refused(self, work: Work, retry_after: int, now: float) -> None:
        self._budget.exhaust(now)
        self._budget.hold(now + retry_after)
        error = RateLimitError("Too many requests", retry_after=float(retry_after))
        self._plan(work, self._waits[work.id].failed(error, EPOCH + now), now)

    def _turn(self) -> float:
        return self._schedule.turn(len(self._waits))

    def _plan(self, work: Work, step: Step, now: float) -> bool:
        if not isinstance(step, LookAgain):
            del self._waits[work.id]
            return True
        self._schedule.put(work, now + step.delay, step.foretold)
        return False
