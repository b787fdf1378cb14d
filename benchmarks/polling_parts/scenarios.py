"""How many tasks there are, when they come and how long they take."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

MEDIAN = 90.0  # seconds of a generation, log-normal
SIGMA = 0.5
MEAN = MEDIAN * math.exp(SIGMA**2 / 2)
CREATE_SECONDS = 0.001  # between two creates of a burst
WARM_UP = 600.0  # of a steady state; what is created then does not count
MEASURED = 1200.0
AFTERWARDS = 300.0  # the load goes on while the last ones that count are waited for


@dataclass(frozen=True)
class Scenario:
    """A load.

    :param arrivals: from a seed to the instants of the creates, in seconds.
    :param since: what is created from then on counts.
    :param until: what is created later does not count.
    :param creates_count: whether the creates are in the window of the rate limit.
    """

    name: str
    arrivals: Callable[[Random], list[float]]
    since: float = 0.0
    until: float = math.inf
    creates_count: bool = True


def chance_of(seed: int) -> Random:
    return Random(seed)  # noqa: S311 # no secret


def generation_times(count: int, chance: Random) -> list[float]:
    """The quantiles of the distribution, shuffled: the mean of a burst shall not be luck."""
    normal = NormalDist(math.log(MEDIAN), SIGMA)
    seconds = [math.exp(normal.inv_cdf((number + 0.5) / count)) for number in range(count)]
    chance.shuffle(seconds)
    return seconds


def creates_per_minute(in_flight: float) -> float:
    return in_flight / MEAN * 60


def burst(count: int, *, creates_count: bool = True) -> Scenario:
    arrivals = [number * CREATE_SECONDS for number in range(count)]
    name = f"burst of {count:,}" + ("" if creates_count else " alone")
    return Scenario(name, lambda _: arrivals, creates_count=creates_count)


def steady(in_flight: int) -> Scenario:
    def arrivals(chance: Random) -> list[float]:
        instants, now = [], 0.0
        while now < WARM_UP + MEASURED + AFTERWARDS:
            now += chance.expovariate(creates_per_minute(in_flight) / 60)
            instants.append(now)
        return instants

    return Scenario(f"steady, {in_flight} in flight", arrivals, since=WARM_UP, until=WARM_UP + MEASURED)


BURST, BIG_BURST, BIG_BURST_ALONE = burst(200), burst(1000), burst(1000, creates_count=False)
STEADY, BIG_STEADY = steady(200), steady(500)
