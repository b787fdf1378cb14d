"""What is compared with what: each policy in each scenario, and the goals."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import fmean

from benchmarks.polling_parts import bounds
from benchmarks.polling_parts.live import Run
from benchmarks.polling_parts.policies import Ours, Plain, Policy, RoundRobin
from benchmarks.polling_parts.scenarios import (
    BIG_BURST,
    BIG_BURST_ALONE,
    BIG_STEADY,
    BURST,
    STEADY,
    Scenario,
    chance_of,
    generation_times,
)
from benchmarks.polling_parts.service import FALSE_PROGRESS, NONE, TRUTHFUL
from benchmarks.polling_parts.simulation import Outcome, simulate

SEEDS = range(1, 21)  # the mean of one run is luck by 5 %
FALSE_GOAL = 1.1  # times the mean without progress
SCENARIOS = (BURST, BIG_BURST, BIG_BURST_ALONE, STEADY, BIG_STEADY)
# Means in seconds.
GOALS = {
    (BURST.name, NONE): 3.6,
    (BURST.name, TRUTHFUL): 0.8,
    (BIG_BURST.name, TRUTHFUL): 9.0,
    (STEADY.name, NONE): 5.5,
    (STEADY.name, TRUTHFUL): 1.3,
    (BIG_STEADY.name, NONE): 20.0,
}


@dataclass(frozen=True)
class Case:
    """One row: a policy in a scenario.

    :param make: the policy in simulated time, if it runs there.
    :param live: in real time: the name of the policy, and how many seeds.
    :param is_ours: whether the goals are for it.
    """

    scenario: Scenario
    label: str
    make: Callable[[], Policy] | None = None
    progress: str = NONE
    live: tuple[str, int] | None = None
    is_ours: bool = False

    @property
    def name(self) -> tuple[str, str]:
        return self.scenario.name, self.label

    @property
    def goal(self) -> float | None:
        return GOALS.get((self.scenario.name, self.progress)) if self.is_ours else None

    @property
    def runs(self) -> list[Run]:
        """What is run in real time."""
        if self.live is None:
            return []
        policy, seeds = self.live
        size = len(self.scenario.arrivals(chance_of(0)))
        return [Run(policy, size, self.progress, seed) for seed in SEEDS[:seeds]]


def _ours(scenario: Scenario, progress: str, seeds: int = 0) -> Case:
    told = {NONE: "no progress", TRUTHFUL: "true progress"}[progress]
    live = ("ours", seeds) if seeds else None
    return Case(scenario, f"ours, {told}", partial(Ours, scenario.creates_count), progress, live, is_ours=True)


CASES = (
    Case(BURST, "every trigger alone", Plain, live=("plain", 1)),
    Case(BURST, "as HttpSensorTrigger", live=("http_sensor", 1)),
    Case(BURST, "OpenAIBatchTrigger", live=("openai_batch", 1)),
    Case(BURST, "round robin, paced", RoundRobin, live=("round_robin", 1)),
    _ours(BURST, NONE, 5),
    _ours(BURST, TRUTHFUL, 5),
    Case(BURST, "  created known 1 s late", partial(Ours, created_off=1.0), TRUTHFUL),
    Case(BURST, "  created in whole seconds", partial(Ours, created_off=None), TRUTHFUL),
    Case(BIG_BURST, "every trigger alone", Plain, live=("plain", 1)),
    Case(BIG_BURST, "round robin, paced", RoundRobin),
    _ours(BIG_BURST, NONE, 1),
    _ours(BIG_BURST, TRUTHFUL, 1),
    _ours(BIG_BURST_ALONE, NONE),
    _ours(BIG_BURST_ALONE, TRUTHFUL),
    *(
        case
        for scenario in (STEADY, BIG_STEADY)
        for case in (
            Case(scenario, "every trigger alone", Plain),
            Case(scenario, "round robin, paced", RoundRobin),
            _ours(scenario, NONE),
            _ours(scenario, TRUTHFUL),
        )
    ),
)
FALSE_CASES = tuple(
    Case(scenario, progress, Ours, progress)
    for scenario in (BURST, BIG_BURST, STEADY, BIG_STEADY)
    for progress in FALSE_PROGRESS
)


@dataclass(frozen=True)
class Figures:
    """What came of several runs: their means."""

    polls: float
    refused: float
    creates_refused: float
    create_delay: float
    mean: float
    p95: float
    p99: float

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "Figures":
        return cls(
            fmean(outcome.looks for outcome in outcomes),
            fmean(outcome.refused for outcome in outcomes),
            fmean(outcome.creates_refused for outcome in outcomes),
            fmean(outcome.create_delay for outcome in outcomes),
            fmean(outcome.mean for outcome in outcomes),
            fmean(outcome.quantile(0.95) for outcome in outcomes),
            fmean(outcome.quantile(0.99) for outcome in outcomes),
        )


class Simulations:
    """All cases that run in simulated time, one after the other, beside whatever else runs."""

    def __init__(self) -> None:
        # Spawned: a forked one would hold the pipe open whose end tells the service to end.
        self._pool = ProcessPoolExecutor(1, get_context("spawn"))
        # By name: what a scenario is made of cannot be sent to another process.
        self._futures = {name: self._pool.submit(_simulated, *name) for name, case in _BY_NAME.items() if case.make}

    def outcomes(self, case: Case) -> list[Outcome]:
        """Wait for them, one for each of SEEDS; nothing where it runs in real time only."""
        future = self._futures.get(case.name)
        return future.result() if future else []


_BY_NAME = {case.name: case for case in (*CASES, *FALSE_CASES)}


def _simulated(*name: str) -> list[Outcome]:
    case = _BY_NAME[name]
    assert case.make
    return [simulate(case.make, case.scenario, case.progress, seed) for seed in SEEDS]


def verdict(value: float, goal: float) -> str:
    return f"≤ {goal:g}: {'ok' if value <= goal else 'missed'}"


def bounds_of(scenario: Scenario) -> dict[str, float]:
    """What no policy can beat, mean seconds."""
    chances = [chance_of(seed) for seed in SEEDS]
    arrivals = [scenario.arrivals(chance) for chance in chances]
    seconds = [generation_times(len(creates), chance) for creates, chance in zip(arrivals, chances, strict=True)]
    known = {
        "ends known": fmean(
            bounds.knowing_ends(scenario, creates, lengths) for creates, lengths in zip(arrivals, seconds, strict=True)
        )
    }
    if scenario is BIG_BURST:
        known["a poll tells the end"] = fmean(map(bounds.learning_by_polling, seconds))
    in_flight = {STEADY.name: 200, BIG_STEADY.name: 500}.get(scenario.name)
    if in_flight:
        known["distribution known"] = bounds.knowing_the_distribution(in_flight)
    return known
