"""Order the polls to come; pure, in seconds of one monotonic clock."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Generic, TypeVar

from lemondata_provider.api.rate_limiter import WINDOW, RateLimiter

T = TypeVar("T")
MIN_INTERVAL_SHARE = 0.4  # of a poll interval: a task is polled this soon again while the rate limit has room
PREDICTED_HEAD_START = 120.0  # seconds; longer: predicted ends are found sooner, but other polls wait longer
MIN_RATE_SHARE = 0.1  # of the limit, for the length of a round: external requests expire within a minute


@dataclass(slots=True, eq=False)
class Entry(Generic[T]):
    """
    A planned poll.

    :param item: object to poll; ``None`` once discarded.
    :param predicted: an end is predicted for this poll, which gives it a head start.
    """

    item: T | None
    predicted: bool


class Schedule(Generic[T]):
    """
    Order polls by due time, and hand them out as the rate limit allows.

    Due polls stand in a queue, oldest first; polls with a predicted end have a head start. The head start is limited,
    so every poll gets its turn.

    :param limiter: rate limiter of the key.
    """

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter
        # Due time or priority, a sequence number that keeps equals in order, and the entry.
        self._later: list[tuple[float, int, Entry[T]]] = []
        self._queue: list[tuple[float, int, Entry[T]]] = []
        self._numbers = itertools.count()

    def put(self, item: T, due: float, predicted: bool = False) -> Entry[T]:
        """Plan a poll for an instant or later; return its entry for :meth:`discard`."""
        entry = Entry(item, predicted)
        heapq.heappush(self._later, (due, next(self._numbers), entry))
        return entry

    def discard(self, entry: Entry[T]) -> None:
        """Cancel a planned poll."""
        entry.item = None

    def next_at(self, now: float) -> float | None:
        """Return the instant of the next poll, or None without planned polls."""
        self._move_due(now)
        if self._queue:
            return self.limiter.available_at(now)
        return max(self._later[0][0], self.limiter.available_at(now)) if self._later else None

    def take(self, now: float) -> T | None:
        """Return the next item and count its request, or None if no poll is due or the rate limit is used up."""
        self._move_due(now)
        if not self._queue or self.limiter.available_at(now) > now:
            return None
        _, _, entry = heapq.heappop(self._queue)
        self.limiter.acquire(now)
        return entry.item

    def round_seconds(self, tasks: int) -> float:
        """Return the seconds for one poll of each of this many tasks."""
        return tasks / max(self.limiter.rate(), MIN_RATE_SHARE * self.limiter.allowed / WINDOW)

    def _move_due(self, now: float) -> None:
        while self._later and (self._later[0][0] <= now or self._later[0][2].item is None):
            due, number, entry = heapq.heappop(self._later)
            if entry.item is not None:
                heapq.heappush(self._queue, (due - PREDICTED_HEAD_START * entry.predicted, number, entry))
        while self._queue and self._queue[0][2].item is None:
            heapq.heappop(self._queue)
