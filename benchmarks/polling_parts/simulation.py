"""Policies in simulated time: the service answers at once, and nothing but the rate limit costs time."""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from benchmarks.polling_parts.policies import EPOCH, Policy
from benchmarks.polling_parts.scenarios import Scenario, chance_of, generation_times
from benchmarks.polling_parts.service import NONE, Key, Work


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    :param lags: seconds from each completion to its detection, in any order.
    :param polls: requests that asked for a task.
    :param refused: how many of them were answered 429.
    :param creates_refused: how many creates were answered 429.
    :param create_delay: seconds by which a create was late because of that, mean.
    """

    lags: Sequence[float]
    polls: int
    refused: int
    creates_refused: int = 0
    create_delay: float = 0.0

    @property
    def mean(self) -> float:
        return fmean(self.lags)

    def quantile(self, part: float) -> float:
        return sorted(self.lags)[int(part * len(self.lags))]


class Creates:
    """The creates of a scenario; one that is refused comes again when the service says, like any create of ours.

    :param key: refuses them.
    :param progress: what the tasks tell, a name of PROGRESS.
    :param chance: when they come, how long they take, and when a refused one comes again.
    :param start: when the scenario begins, in seconds.
    """

    def __init__(self, scenario: Scenario, key: Key, progress: str, chance: Random, start: float) -> None:
        self._scenario = scenario
        self._chance = chance
        self._key = key
        self._progress = progress
        self._wanted = [start + at for at in scenario.arrivals(chance)]
        self._seconds = generation_times(len(self._wanted), chance)
        self._pending = [(at, number) for number, at in enumerate(self._wanted)]
        self.counting = {number for number, at in enumerate(self._wanted) if scenario.since <= at < scenario.until}
        self.delays: list[float] = []

    def next_at(self) -> float:
        return self._pending[0][0] if self._pending else math.inf

    def take(self) -> Work | None:
        now, number = heapq.heappop(self._pending)
        if self._scenario.creates_count and (retry_after := self._key.create(now)):
            heapq.heappush(self._pending, (now + retry_after + self._chance.random(), number))
            return None
        if number in self.counting:
            self.delays.append(now - self._wanted[number])
        return Work(str(number), EPOCH + now, self._seconds[number], self._progress)


def _fraction(seed: int) -> float:
    """When a run begins within a second: answers tell whole seconds only, and so are wrong by this much."""
    return (seed * 0.618) % 1


def simulate(make: Callable[[], Policy], scenario: Scenario, progress: str = NONE, seed: int = 1) -> Outcome:
    """Run until everything that counts was seen to have ended."""
    policy, key = make(), Key()
    creates = Creates(scenario, key, progress, chance_of(seed), _fraction(seed))
    lags: list[float] = []
    now = 0.0
    while len(lags) < len(creates.counting):
        if now < scenario.since:
            key.forget()
        at = policy.next_at(now)
        if at is None or creates.next_at() <= at:
            now = creates.next_at()
            if created := creates.take():
                policy.arrived(created, now)
            continue
        now = max(at, now)
        work = policy.take(now)
        if work is None:
            continue
        if retry_after := key.poll(now):
            policy.refused(work, retry_after, now)
        elif policy.on_task(work, work.answer(EPOCH + now), now) and int(work.id) in creates.counting:
            lags.append(EPOCH + now - work.ends)
    return Outcome(lags, key.polls, key.polls_refused, key.creates_refused, fmean(creates.delays))
