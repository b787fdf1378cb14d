"""Who is polled next, and when: pure, on one monotonic clock, in seconds."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Generic, TypeVar

from lemondata_provider.api.rate_limiter import WINDOW, RateLimiter

T = TypeVar("T")
PREDICTED_HEAD_START = 120.0  # seconds; a poll a predicted end finds one, any other finds one by chance
MIN_RATE_SHARE = (
    0.1  # of what is allowed, for the length of a round_seconds: what others take they give back within a minute
)


@dataclass(slots=True, eq=False)
class Entry(Generic[T]):
    """
    One poll to come.

    :param item: what is polled; nothing any more once that is done or not wanted.
    :param predicted: whether an end is predicted for then, which gives it a head start.
    """

    item: T | None
    predicted: bool


class Schedule(Generic[T]):
    """
    The polls to come, as the budget lets them be sent.

    Polls that are due wait in a line: those that waited longest go first, and those at which an end is predicted have a
    head start. Nobody waits for ever, since the head start is limited.

    :param limiter: the requests that may be sent.
    """

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter
        # When each is due, or how long it waits in line; and a number, so that those that are equal stay in order.
        self._later: list[tuple[float, int, Entry[T]]] = []
        self._line: list[tuple[float, int, Entry[T]]] = []
        self._numbers = itertools.count()

    def put(self, item: T, due: float, predicted: bool = False) -> Entry[T]:
        """Plan one poll, not before an instant; the entry is for :meth:`discard`."""
        entry = Entry(item, predicted)
        heapq.heappush(self._later, (due, next(self._numbers), entry))
        return entry

    def discard(self, entry: Entry[T]) -> None:
        """Plan a poll no more."""
        entry.item = None

    def next_at(self, now: float) -> float | None:
        """Return when to take the next one, or nothing if there is none."""
        self._line_up(now)
        if self._line:
            return self.limiter.available_at(now)
        return max(self._later[0][0], self.limiter.available_at(now)) if self._later else None

    def take(self, now: float) -> T | None:
        """Return what to poll now, and count the request; nothing if none is due or may be sent."""
        self._line_up(now)
        if not self._line or self.limiter.available_at(now) > now:
            return None
        _, _, entry = heapq.heappop(self._line)
        self.limiter.acquire(now)
        return entry.item

    def round_seconds(self, tasks: int) -> float:
        """Return how many seconds one poll each of so many tasks takes."""
        return tasks / max(self.limiter.rate(), MIN_RATE_SHARE * self.limiter.allowed / WINDOW)

    def _line_up(self, now: float) -> None:
        while self._later and (self._later[0][0] <= now or self._later[0][2].item is None):
            due, number, entry = heapq.heappop(self._later)
            if entry.item is not None:
                heapq.heappush(self._line, (due - PREDICTED_HEAD_START * entry.predicted, number, entry))
        while self._line and self._line[0][2].item is None:
            heapq.heappop(self._line)
