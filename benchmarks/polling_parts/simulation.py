"""The policy in simulated time: the service answers at once, and only the rate limit costs time."""

import heapq
from dataclasses import dataclass
from statistics import fmean

from benchmarks.polling_parts.policy import EPOCH, Ours
from benchmarks.polling_parts.scenarios import Scenario, chance_of, generation_times
from benchmarks.polling_parts.service import NONE, Key, Work


@dataclass(frozen=True)
class Outcome:
    """Seconds from the end of each counted task, by its number, to its detection; number of requests answered 429."""

    lags: dict[int, float]
    refused: int

    @property
    def mean(self) -> float:
        return fmean(self.lags.values())


def simulate(scenario: Scenario, progress: str = NONE, seed: int = 1) -> Outcome:
    """Run until the end of each counted task is detected; a refused create is sent again after its Retry-After."""
    policy, key, chance = Ours(), Key(), chance_of(seed)
    start = (seed * 0.618) % 1  # answers have whole seconds, and so are wrong by this much
    creates = [(start + at, number) for number, at in enumerate(scenario.arrivals(chance))]
    counted = {number for at, number in creates if scenario.since <= at < scenario.until}
    seconds = generation_times(len(creates), chance)
    lags: dict[int, float] = {}
    now = 0.0
    while len(lags) < len(counted):
        if now < scenario.since:
            key.refused = 0
        at = policy.next_at(now)
        if creates and (at is None or creates[0][0] <= at):
            now, number = heapq.heappop(creates)
            if retry_after := key.request(now):
                heapq.heappush(creates, (now + retry_after + chance.random(), number))
            else:
                policy.arrived(Work(str(number), EPOCH + now, seconds[number], progress), now)
            continue
        assert at is not None, "all tasks have ended"
        now = max(at, now)
        work = policy.take(now)
        if work is None:
            continue
        if retry_after := key.request(now):
            policy.refused(work, retry_after, now)
        elif policy.on_task(work, work.answer(EPOCH + now), now) and int(work.id) in counted:
            lags[int(work.id)] = EPOCH + now - work.ends
    return Outcome(lags, key.refused)
