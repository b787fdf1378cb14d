from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.forecast import (
    MAX_FIRST_POLL,
    MAX_PREDICTIONS,
    MAX_SAMPLES,
    MIN_DELAY,
    MIN_SAMPLES,
    Forecast,
    TaskTimeline,
)

MEDIAN, SIGMA = 90.0, 0.5
NORMAL = NormalDist(math.log(MEDIAN), SIGMA)
EARLIEST = math.exp(NORMAL.inv_cdf(0.05))  # of the generation times, the one that 5 % are shorter than: 40 s
PAUSE = 2.0
CREATED = 1_000_000.0

Progress = Callable[[float], float | None]


def generation_times(count: int, seed: int = 1) -> list[float]:
    seconds = [math.exp(NORMAL.inv_cdf((number + 0.5) / count)) for number in range(count)]
    random.Random(seed).shuffle(seconds)  # noqa: S311 # nothing secret
    return seconds


@dataclass
class Polls:
    """
    Polls tasks of one model, one task after the other.

    :param progress: reported progress by the part of the generation time that has passed.
    :param late: maximum lateness of a poll, in seconds.
    :param reported: reported age at the end, from the true age and the age at the last poll.
    """

    forecast: Forecast
    progress: Progress = lambda _: None
    late: float = 0.0
    reported: Callable[[float, float], float | None] = lambda age, polled: age

    def __post_init__(self) -> None:
        self.chance = random.Random(7)  # noqa: S311 # nothing secret
        self.lags: list[float] = []
        self.polls: list[int] = []

    def at(self, seconds: float, round_seconds: float = 0.0) -> None:
        """Poll one task until a poll finds its end."""
        timeline, polls = TaskTimeline(CREATED), 1
        now = CREATED + self.forecast.first_poll(timeline, CREATED, 5.0, round_seconds) + self._late()
        while now < CREATED + seconds:
            progress = self.progress((now - CREATED) / seconds)
            delay, _ = self.forecast.next_poll(timeline, progress, now, PAUSE, round_seconds)
            assert delay > 0
            now += delay + self._late()
            polls += 1
        self.forecast.ended(timeline, now, self.reported(seconds, now - CREATED))
        self.lags.append(now - CREATED - seconds)
        self.polls.append(polls)

    def at_all(self, times: Sequence[float], round_seconds: float = 0.0) -> Polls:
        """Poll one task after the other."""
        for seconds in times:
            self.at(seconds, round_seconds)
        return self

    def _late(self) -> float:
        return self.late * self.chance.random()


# --- ages


def test_early_quantile_too_few_samples_is_none() -> None:
    forecast = Forecast()
    for number in range(MIN_SAMPLES):
        assert forecast.early_quantile() is None
        assert forecast.first_poll(TaskTimeline(CREATED), CREATED, 5.0) == 5.0
        forecast.ended(TaskTimeline(CREATED, unfinished=CREATED + 99 + number), CREATED + 102 + number, 100.0 + number)
    assert forecast.early_quantile() == 101.0
    assert forecast.first_poll(TaskTimeline(CREATED), CREATED, 5.0) == 101.0
    assert forecast.first_poll(TaskTimeline(CREATED), CREATED + 100, 5.0) == 5.0
    assert forecast.first_poll(TaskTimeline(None), CREATED, 5.0) == 5.0


def test_first_poll_without_samples_waits_for_some_rounds_up_to_the_default() -> None:
    first = [
        Forecast().first_poll(TaskTimeline(CREATED), CREATED, 5.0, round_seconds)
        for round_seconds in (0, 0.1, 0.2, 0.3, 0.4, 1000)
    ]
    assert first == [5, 5, 6, 9, 12, 12]
    assert Forecast().first_poll(TaskTimeline(CREATED), CREATED + 100, 5.0, 1000) == 5  # as after a restart


REPORTED_AGES = {
    "the true age": lambda age, polled: age,
    "nothing": lambda age, polled: None,
    "always the time of the poll": lambda age, polled: polled,
    "nonsense": lambda age, polled: -1e6,
    "much later": lambda age, polled: 1e9,
}


@pytest.mark.parametrize("reported", REPORTED_AGES.values(), ids=REPORTED_AGES)
@pytest.mark.parametrize("late", [0.0, 10.0, 30.0])
def test_early_quantile_any_reported_age_and_late_polls_is_near_the_true_one(reported, late) -> None:
    forecast = Forecast()
    polls = Polls(forecast, late=late, reported=reported).at_all(generation_times(600))
    early = forecast.early_quantile()
    assert early is not None
    assert EARLIEST * 0.75 - late * 0.1 <= early <= EARLIEST * 1.25  # rather too early: that costs a poll, and no lag
    ended_at_first_poll = sum(count == 1 for count in polls.polls[200:]) / 400
    assert ended_at_first_poll <= (0.15 if late else 0.1)


def test_early_quantile_model_changes_speed_follows() -> None:
    forecast = Forecast()
    polls = Polls(forecast, reported=lambda age, polled: None)
    for speed in (1, 3, 0.5, 1):
        polls.at_all([seconds / speed for seconds in generation_times(MAX_SAMPLES)])
        polls.at_all([seconds / speed for seconds in generation_times(MAX_SAMPLES, seed=2)])
        assert forecast.early_quantile() == pytest.approx(EARLIEST / speed, rel=0.3)


@pytest.mark.parametrize("seconds", [0.5, 20, 3000])
def test_first_poll_constant_generation_time_finds_the_end_soon(seconds: float) -> None:
    polls = Polls(Forecast(), reported=lambda age, polled: None).at_all([seconds] * 300)
    assert max(polls.lags[100:]) <= max(5.0 - seconds, 0) + 0.15 * seconds + PAUSE
    assert max(polls.polls[100:]) <= max(0.1 * seconds, (seconds - MAX_FIRST_POLL) / PAUSE) + 3


# --- progress

PROGRESS: dict[str, Progress] = {
    "truthful": lambda part: 100 * part,
    "truthful, in whole percent": lambda part: math.floor(100 * part),
    "steps of 10": lambda part: 10 * math.floor(10 * part),
    "steps of 25": lambda part: 25 * math.floor(4 * part),
    "stuck at 7": lambda _: 7,
    "stuck at 99": lambda _: 99,
    "stuck at 100": lambda _: 100,
    "half": lambda part: 50 * part,
    "double": lambda part: min(200 * part, 99),
    "slow, then fast": lambda part: 100 * part**2,
    "fast, then slow": lambda part: 100 * math.sqrt(part),
    "fast, then stuck": lambda part: min(100 * part * 3, 90),
    "random": lambda part: random.Random(part).randint(1, 99),  # noqa: S311 # nothing secret
    "backwards": lambda part: 100 - 99 * part,
    "never": lambda _: None,
    "nothing": lambda _: 0,
    "absurd": lambda part: 1e-9 + part / 1e9,
}
any_progress = pytest.mark.parametrize("progress", PROGRESS.values(), ids=PROGRESS)


@pytest.mark.parametrize("name", ["truthful", "truthful, in whole percent", "steps of 10", "steps of 25"])
@pytest.mark.parametrize("round_seconds", [0.0, 12.0])
def test_trusts_progress_truthful_progress_is_true(name: str, round_seconds: float) -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS[name]).at_all(generation_times(60), round_seconds)
    assert forecast.trusts_progress


FALSE = [
    "stuck at 7",
    "stuck at 99",
    "stuck at 100",
    "half",
    "double",
    "slow, then fast",
    "fast, then slow",
    "fast, then stuck",
    "random",
    "backwards",
]


@pytest.mark.parametrize("name", [*FALSE, "never", "nothing", "absurd"])
@pytest.mark.parametrize("round_seconds", [0.0, 12.0])
def test_trusts_progress_false_progress_is_false(name: str, round_seconds: float) -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS[name]).at_all(generation_times(60), round_seconds)
    assert not forecast.trusts_progress


@any_progress
def test_next_poll_any_progress_is_no_worse_than_none(progress: Progress) -> None:
    times = generation_times(200)
    without = Polls(Forecast()).at_all(times)
    ours = Polls(Forecast(), progress).at_all(times)
    assert fmean(ours.lags) <= 1.1 * fmean(without.lags)
    assert fmean(ours.polls) <= 1.1 * fmean(without.polls)


def test_next_poll_truthful_progress_finds_the_end_sooner_with_fewer_polls() -> None:
    times = generation_times(200)
    ours = Polls(Forecast(), PROGRESS["truthful"]).at_all(times)
    without = Polls(Forecast()).at_all(times)
    assert fmean(ours.lags[100:]) <= 0.5 * fmean(without.lags[100:])
    assert fmean(ours.polls[100:]) <= 8
    assert fmean(without.polls[100:]) >= 20


@pytest.mark.parametrize("name", FALSE)
def test_trusts_progress_progress_becomes_false_is_lost(name: str) -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS["truthful"]).at_all(generation_times(60))
    assert forecast.trusts_progress
    Polls(forecast, PROGRESS[name]).at_all(generation_times(2 * MAX_PREDICTIONS))
    assert not forecast.trusts_progress


def test_next_poll_contradictory_progress_predicts_nothing() -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS["truthful"]).at_all(generation_times(60))
    timeline = TaskTimeline(CREATED)
    forecast.next_poll(timeline, 50, CREATED + 50, PAUSE)
    assert timeline.latest == CREATED + 100
    forecast.next_poll(timeline, 50, CREATED + 200, PAUSE)
    assert timeline == TaskTimeline(CREATED, CREATED + 200, predicted=CREATED + 50, misled=True)
    for age, progress in ((201, 99), (202, 100), (300, 90)):
        assert forecast.next_poll(timeline, progress, CREATED + age, PAUSE) == (PAUSE, False)


# --- any input

PROGRESSES = st.none() | st.integers(0, 100) | st.floats(0, 100)
TIMELINES = st.lists(st.tuples(st.floats(-4000, 4000), PROGRESSES), max_size=8)


@given(
    tasks=st.lists(
        st.tuples(st.none() | st.floats(-1e6, 1e10), TIMELINES, st.none() | st.floats(-1e9, 1e9)),
        max_size=MIN_SAMPLES + 5,
    ),
    round_seconds=st.floats(0, 1000),
)
@settings(deadline=None, max_examples=30)
def test_forecast_any_clock_and_progress_returns_finite_delays(
    tasks: list[tuple[float | None, list[tuple[float, float | None]], float | None]], round_seconds: float
) -> None:
    forecast = Forecast()
    for created, polls, reported_age in tasks:
        timeline, now = TaskTimeline(created), CREATED
        assert 5 <= forecast.first_poll(timeline, now, 5.0, round_seconds) <= max(now, 12)
        for seconds, progress in polls:  # which may be negative: a clock is set back
            now += seconds
            delay, _ = forecast.next_poll(timeline, progress, now, PAUSE, round_seconds)
            assert MIN_DELAY <= delay < math.inf
        forecast.ended(timeline, now, reported_age)
        early = forecast.early_quantile()
        assert early is None or early >= 0


def test_ended_clock_set_back_adds_no_sample() -> None:
    forecast = Forecast()
    Polls(forecast).at_all(generation_times(MAX_SAMPLES))
    before = forecast.early_quantile()
    for _ in range(MAX_SAMPLES):
        forecast.ended(TaskTimeline(CREATED, unfinished=CREATED + 50), CREATED - 3600)
    assert forecast.early_quantile() == before


def test_forecast_many_tasks_stays_small() -> None:
    forecast = Forecast()
    polls = Polls(forecast, PROGRESS["truthful"])
    for _ in range(3):
        polls.at_all(generation_times(MAX_SAMPLES))
    assert len(forecast._samples) == MAX_SAMPLES
    assert len(forecast._correct) == MAX_PREDICTIONS
