"""What no policy can beat: lower bounds of the mean detection lag."""

import math
from collections import deque
from collections.abc import Sequence
from statistics import NormalDist, fmean

import numpy as np

from benchmarks.polling_parts.scenarios import MEDIAN, SIGMA, Scenario, creates_per_minute
from benchmarks.polling_parts.service import LIMIT, WINDOW

ALLOWED = 0.97 * LIMIT
LONGEST = 1200.0  # no generation takes longer: one in ten million
STEP = 0.5
PRICES = np.geomspace(0.1, 200, 60)


def knowing_ends(scenario: Scenario, creates: Sequence[float], seconds: Sequence[float]) -> float:
    """The mean lag of an oracle: it polls once at each task, when it has ended or as soon as the window allows."""
    ends = sorted((at + length, at) for at, length in zip(creates, seconds, strict=True))
    elsewhere = deque(creates if scenario.creates_count else [])
    window: deque[float] = deque()  # requests that leave it, the first one first
    lags, now = [], 0.0
    for end, created in ends:
        now = max(now, end)
        while True:
            while elsewhere and elsewhere[0] <= now:
                window.append(elsewhere.popleft() + WINDOW)
            while window and window[0] <= now:
                window.popleft()
            if len(window) + 1 <= ALLOWED:
                break
            now = window[0]
        window.append(now + WINDOW)
        if scenario.since <= created < scenario.until:
            lags.append(now - end)
    return fmean(lags)


def learning_by_polling(seconds: Sequence[float]) -> float:
    """
    The mean lag after a burst of creates that used up the window, if one poll told the end of a task.

    Nothing is known of a task before the first poll it, and first polls come at the pace of the budget once the
    creates have left the window; all later polls are taken to be free and exact.
    """
    first_polls = (WINDOW + number * WINDOW / ALLOWED for number in range(len(seconds)))
    return fmean(max(poll - end, 0.0) for poll, end in zip(first_polls, seconds, strict=True))


def knowing_the_distribution(in_flight: float) -> float:
    """
    The least mean lag of a steady state for whoever knows how long tasks take in general, and of each nothing more.

    The polls that the budget has for a task are placed at the best ages, as if nobody ever queued: for any price of a
    poll, the least of lag plus price is a bound once the price of the polls that there are is taken off.
    """
    creates = creates_per_minute(in_flight)
    polls = (ALLOWED - creates) / creates
    ages = np.arange(0, LONGEST, STEP)
    normal = NormalDist(math.log(MEDIAN), SIGMA)
    ended = np.array([0.0, *(normal.cdf(math.log(age)) for age in ages[1:])])
    area = np.concatenate([[0.0], np.cumsum((ended[1:] + ended[:-1]) / 2 * STEP)])
    return max(_least_cost(price, ages, ended, area) - price * polls for price in PRICES)


def _least_cost(price: float, ages: np.ndarray, ended: np.ndarray, area: np.ndarray) -> float:
    """The least lag plus price of the polls of one task, chosen backwards from the highest age."""
    cost = np.zeros(len(ages))
    for last in range(len(ages) - 2, -1, -1):
        late = area[last + 1 :] - area[last] - ended[last] * (ages[last + 1 :] - ages[last])
        cost[last] = price * (1 - ended[last]) + (late + cost[last + 1 :]).min()
    return float(cost[0])
