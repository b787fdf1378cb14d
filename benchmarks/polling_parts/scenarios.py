"""How many tasks there are, when they are created and how long they generate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

MEDIAN = 90.0  # seconds of a generation, log-normal
SIGMA = 0.5
MEAN = MEDIAN * math.exp(SIGMA**2 / 2)
CREATE_SECONDS = 0.001  # between two creates of a burst
WARM_UP = 600.0  # of a steady load; tasks created before do not count
MEASURED = 1200.0
AFTERWARDS = 300.0  # the load continues until the last counted tasks have ended


@dataclass(frozen=True)
class Scenario:
    """
    A load.

    :param arrivals: from a generator of random numbers to the instants of the creates, in seconds.
    :param since: tasks created earlier do not count.
    :param until: tasks created from then on do not count.
    """

    name: str
    arrivals: Callable[[Random], list[float]]
    since: float = 0.0
    until: float = math.inf


def chance_of(seed: int) -> Random:
    return Random(seed)  # noqa: S311 # no secret


def generation_times(count: int, chance: Random) -> list[float]:
    """Return the quantiles of the distribution, shuffled: the mean of a burst must not depend on the seed."""
    normal = NormalDist(math.log(MEDIAN), SIGMA)
    seconds = [math.exp(normal.inv_cdf((number + 0.5) / count)) for number in range(count)]
    chance.shuffle(seconds)
    return seconds


def burst(count: int) -> Scenario:
    arrivals = [number * CREATE_SECONDS for number in range(count)]
    return Scenario(f"burst of {count:,}", lambda _: arrivals)


def steady(in_flight: int) -> Scenario:
    def arrivals(chance: Random) -> list[float]:
        instants, now = [], 0.0
        while now < WARM_UP + MEASURED + AFTERWARDS:
            now += chance.expovariate(in_flight / MEAN)
            instants.append(now)
        return instants

    return Scenario(f"steady {in_flight} in flight", arrivals, since=WARM_UP, until=WARM_UP + MEASURED)
