"""Who is looked at next, and when: pure, on one monotonic clock, in seconds."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Generic, TypeVar

from lemondata_provider.api.pacing import WINDOW, Budget

T = TypeVar("T")
HEAD_START = 120.0  # seconds; a look at a foretold end finds one, any other finds one by chance
LEAST_RATE = 0.1  # of what is allowed, for the length of a turn: what others take they give back within a minute


@dataclass(slots=True, eq=False)
class Entry(Generic[T]):
    """
    One look to come.

    :param item: what is looked at; nothing any more once that is done or not wanted.
    :param foretold: whether an end is foretold for then, which gives it a head start.
    """

    item: T | None
    foretold: bool


class Schedule(Generic[T]):
    """
    The looks to come, as the budget lets them be sent.

    Looks that are due wait in a line: those that waited longest go first, and those at which an end is foretold have a
    head start. Nobody waits for ever, since the head start is limited.

    :param budget: the requests that may be sent.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        # When each is due, or how long it waits in line; and a number, so that those that are equal stay in order.
        self._later: list[tuple[float, int, Entry[T]]] = []
        self._line: list[tuple[float, int, Entry[T]]] = []
        self._numbers = itertools.count()

    def put(self, item: T, due: float, foretold: bool = False) -> Entry[T]:
        """Plan one look, not before an instant; the entry is for :meth:`discard`."""
        entry = Entry(item, foretold)
        heapq.heappush(self._later, (due, next(self._numbers), entry))
        return entry

    def discard(self, entry: Entry[T]) -> None:
        """Plan a look no more."""
        entry.item = None

    def next_at(self, now: float) -> float | None:
        """Return when to take the next one, or nothing if there is none."""
        self._line_up(now)
        if self._line:
            return self.budget.next_at(now)
        return max(self._later[0][0], self.budget.next_at(now)) if self._later else None

    def take(self, now: float) -> T | None:
        """Return what to look at now, and count the request; nothing if none is due or may be sent."""
        self._line_up(now)
        if not self._line or self.budget.next_at(now) > now:
            return None
        _, _, entry = heapq.heappop(self._line)
        self.budget.spend(now)
        return entry.item

    def turn(self, tasks: int) -> float:
        """Return how many seconds one look at each of so many tasks takes."""
        return tasks / max(self.budget.rate(), LEAST_RATE * self.budget.allowed / WINDOW)

    def _line_up(self, now: float) -> None:
        while self._later and (self._later[0][0] <= now or self._later[0][2].item is None):
            due, number, entry = heapq.heappop(self._later)
            if entry.item is not None:
                heapq.heappush(self._line, (due - HEAD_START * entry.foretold, number, entry))
        while self._line and self._line[0][2].item is None:
            heapq.heappop(self._line)
