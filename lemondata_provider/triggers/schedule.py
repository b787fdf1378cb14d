"""Who is looked at next, and when: pure, on one monotonic clock, in seconds."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lemondata_provider.api.pacing import WINDOW, Budget

T = TypeVar("T")
HEAD_START = 120.0  # seconds; a look that progress calls for finds an end, any other finds one by chance
LEAST_RATE = 0.1  # of what is allowed, for the length of a turn: what others take they give back within a minute


@dataclass(order=True, slots=True)
class Entry(Generic[T]):
    """
    One look to come.

    :param due: not before this instant.
    :param number: in which order looks that are due at the same instant go.
    :param guided: whether progress calls for it, which gives it a head start.
    :param item: what is looked at; nothing any more once that is done or not wanted.
    """

    due: float
    number: int
    guided: bool = field(compare=False)
    item: T | None = field(compare=False)


class Schedule(Generic[T]):
    """
    The looks to come, as the budget lets them be sent.

    Looks that are due wait in a line: those that waited longest go first, and those that progress called for have a
    head start. Nobody waits for ever, since the head start is limited.

    :param budget: the requests that may be sent.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._later: list[Entry[T]] = []
        self._line: list[tuple[float, int, Entry[T]]] = []
        self._numbers = itertools.count()
        self.size = 0

    def put(self, item: T, due: float, guided: bool = False) -> Entry[T]:
        """Plan one look; the entry is for :meth:`discard`."""
        entry = Entry(due, next(self._numbers), guided, item)
        heapq.heappush(self._later, entry)
        self.size += 1
        return entry

    def discard(self, entry: Entry[T]) -> None:
        """Plan a look no more."""
        if entry.item is not None:
            entry.item = None
            self.size -= 1

    def next_at(self, now: float) -> float | None:
        """Return when to take the next one, or nothing if there is none."""
        self._line_up(now)
        if self._line:
            return self.budget.next_at(now)
        return max(self._later[0].due, self.budget.next_at(now)) if self._later else None

    def take(self, now: float) -> T | None:
        """Return what to look at now, and count the request; nothing if none is due or may be sent."""
        self._line_up(now)
        if not self._line or self.budget.next_at(now) > now:
            return None
        _, _, entry = heapq.heappop(self._line)
        self.budget.spend(now)
        item = entry.item
        self.discard(entry)  # so that it is planned no more, whoever still has it
        return item

    def turn(self, tasks: int) -> float:
        """Return how many seconds one look at each of so many tasks takes."""
        return tasks / max(self.budget.rate(), LEAST_RATE * self.budget.allowed / WINDOW)

    def _line_up(self, now: float) -> None:
        while self._later and (self._later[0].due <= now or self._later[0].item is None):
            entry = heapq.heappop(self._later)
            if entry.item is not None:
                heapq.heappush(self._line, (entry.due - HEAD_START * entry.guided, entry.number, entry))
        while self._line and self._line[0][2].item is None:
            heapq.heappop(self._line)
