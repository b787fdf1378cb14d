from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.forecast import MAX_SAMPLES, MIN_SAMPLES, MAX_PREDICTIONS, MIN_DELAY, Forecast, TaskTimeline

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

    :param progress: what is told when this part of the generation time has passed.
    :param late: by how many seconds a poll is late, at the most.
    :param told: what age at the end is told, from the true one and the age at which it was found.
    """

    forecast: Forecast
    progress: Progress = lambda _: None
    late: float = 0.0
    told: Callable[[float, float], float | None] = lambda age, found: age

    def __post_init__(self) -> None:
        self.chance = random.Random(7)  # noqa: S311 # nothing secret
        self.lags: list[float] = []
        self.polls: list[int] = []

    def at(self, seconds: float, round_seconds: float = 0.0) -> None:
        """Poll one task until its end is seen."""
        timeline, polls = TaskTimeline(CREATED), 1
        now = CREATED + self.forecast.first_poll(timeline, CREATED, 5.0, round_seconds) + self._late()
        while now < CREATED + seconds:
            told = self.progress((now - CREATED) / seconds)
            delay, _ = self.forecast.next_poll(timeline, told, now, PAUSE, round_seconds)
            assert delay > 0
            now += delay + self._late()
            polls += 1
        self.forecast.ended(timeline, now, self.told(seconds, now - CREATED))
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


def test_nothing_is_known_of_a_model_before_some_tasks_ended() -> None:
    forecast = Forecast()
    for number in range(MIN_SAMPLES):
        assert forecast.early_quantile() is None
        assert forecast.first_poll(TaskTimeline(CREATED), CREATED, 5.0) == 5.0
        forecast.ended(TaskTimeline(CREATED, unfinished=CREATED + 99 + number), CREATED + 102 + number, 100.0 + number)
    assert forecast.early_quantile() == 101.0
    assert forecast.first_poll(TaskTimeline(CREATED), CREATED, 5.0) == 101.0
    assert forecast.first_poll(TaskTimeline(CREATED), CREATED + 100, 5.0) == 5.0
    assert forecast.first_poll(TaskTimeline(None), CREATED, 5.0) == 5.0


def test_first_polls_wait_for_some_turns_but_not_for_long_while_nothing_is_known() -> None:
    first = [
        Forecast().first_poll(TaskTimeline(CREATED), CREATED, 5.0, round_seconds)
        for round_seconds in (0, 0.1, 0.2, 0.3, 0.4, 1000)
    ]
    assert first == [5, 5, 6, 9, 12, 12]
    assert Forecast().first_poll(TaskTimeline(CREATED), CREATED + 100, 5.0, 1000) == 5  # as after a restart


TOLD = {
    "the true age": lambda age, found: age,
    "nothing": lambda age, found: None,
    "always the time of the poll": lambda age, found: found,
    "nonsense": lambda age, found: -1e6,
    "much later": lambda age, found: 1e9,
}


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("late", [0.0, 10.0, 30.0])
def test_the_early_age_is_near_the_true_one_whatever_is_told_and_however_late_polls_are(told, late) -> None:
    forecast = Forecast()
    polls = Polls(forecast, late=late, told=told).at_all(generation_times(600))
    early = forecast.early_quantile()
    assert early is not None
    assert EARLIEST * 0.75 - late * 0.1 <= early <= EARLIEST * 1.25  # rather too early: that costs a poll, and no lag
    found_at_first = sum(count == 1 for count in polls.polls[200:]) / 400
    assert found_at_first <= (0.15 if late else 0.1)


def test_the_early_age_follows_a_model_that_became_faster_or_slower() -> None:
    forecast = Forecast()
    polls = Polls(forecast, told=lambda age, found: None)
    for speed in (1, 3, 0.5, 1):
        polls.at_all([seconds / speed for seconds in generation_times(MAX_SAMPLES)])
        polls.at_all([seconds / speed for seconds in generation_times(MAX_SAMPLES, seed=2)])
        assert forecast.early_quantile() == pytest.approx(EARLIEST / speed, rel=0.3)


@pytest.mark.parametrize("seconds", [0.5, 20, 3000])
def test_a_model_that_always_takes_the_same_time_is_seen_soon_after_its_end(seconds: float) -> None:
    polls = Polls(Forecast(), told=lambda age, found: None).at_all([seconds] * 300)
    assert max(polls.lags[100:]) <= max(5.0 - seconds, 0) + 0.15 * seconds + PAUSE
    assert max(polls.polls[100:]) <= 0.1 * seconds + 3


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
named = pytest.mark.parametrize("progress", PROGRESS.values(), ids=PROGRESS)


@pytest.mark.parametrize("name", ["truthful", "truthful, in whole percent", "steps of 10", "steps of 25"])
@pytest.mark.parametrize("round_seconds", [0.0, 12.0])
def test_truthful_progress_is_believed_after_some_ends(name: str, round_seconds: float) -> None:
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
def test_false_progress_is_not_believed(name: str, round_seconds: float) -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS[name]).at_all(generation_times(60), round_seconds)
    assert not forecast.trusts_progress


@named
def test_any_progress_is_as_good_as_none(progress: Progress) -> None:
    times = generation_times(200)
    without = Polls(Forecast()).at_all(times)
    ours = Polls(Forecast(), progress).at_all(times)
    assert fmean(ours.lags) <= 1.1 * fmean(without.lags)
    assert fmean(ours.polls) <= 1.1 * fmean(without.polls)


def test_truthful_progress_finds_the_end_sooner_with_few_polls() -> None:
    times = generation_times(200)
    ours = Polls(Forecast(), PROGRESS["truthful"]).at_all(times)
    without = Polls(Forecast()).at_all(times)
    assert fmean(ours.lags[100:]) <= 0.5 * fmean(without.lags[100:])
    assert fmean(ours.polls[100:]) <= 8
    assert fmean(without.polls[100:]) >= 20


@pytest.mark.parametrize("name", FALSE)
def test_belief_is_lost_when_the_progress_of_a_model_becomes_false(name: str) -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS["truthful"]).at_all(generation_times(60))
    assert forecast.trusts_progress
    Polls(forecast, PROGRESS[name]).at_all(generation_times(2 * MAX_PREDICTIONS))
    assert not forecast.trusts_progress


def test_a_task_that_contradicts_itself_foretells_nothing_any_more() -> None:
    forecast = Forecast()
    Polls(forecast, PROGRESS["truthful"]).at_all(generation_times(60))
    timeline = TaskTimeline(CREATED)
    forecast.next_poll(timeline, 50, CREATED + 50, PAUSE)
    assert timeline.latest == CREATED + 100
    forecast.next_poll(timeline, 50, CREATED + 200, PAUSE)
    assert (timeline.misled, timeline.earliest, timeline.latest) == (True, None, None)
    for age, progress in ((201, 99), (202, 100), (300, 90)):
        assert forecast.next_poll(timeline, progress, CREATED + age, PAUSE) == (PAUSE, False)


def see_right(forecast: Forecast) -> None:
    """See one task end when its progress, which has steps of 10, predicted it."""
    timeline = TaskTimeline(0.0)
    forecast.next_poll(timeline, 50, 50.0, PAUSE)
    forecast.next_poll(timeline, 90, 90.0, PAUSE)
    forecast.ended(timeline, 101.0)


def see_wrong(forecast: Forecast) -> None:
    """See one task end long before its progress predicted it."""
    timeline = TaskTimeline(0.0)
    forecast.next_poll(timeline, 10, 10.0, PAUSE)
    forecast.ended(timeline, 30.0)


def after(right: int = 0, wrong: int = 0) -> Forecast:
    forecast = Forecast()
    for _ in range(right):
        see_right(forecast)
    for _ in range(wrong):
        see_wrong(forecast)
    return forecast


@pytest.mark.parametrize(
    ("right", "wrong", "believes"), [(2, 0, False), (3, 0, True), (3, 1, False), (4, 1, True), (7, 2, False)]
)
def test_progress_is_believed_while_four_of_five_ends_were_foretold(right: int, wrong: int, believes: bool) -> None:
    assert after(right, wrong).trusts_progress is believes


def test_an_end_that_was_foretold_only_shortly_before_proves_nothing() -> None:
    forecast = Forecast()
    for _ in range(10):
        timeline = TaskTimeline(0.0)
        forecast.next_poll(timeline, 95, 95.0, PAUSE)
        forecast.ended(timeline, 101.0)
    assert not forecast.trusts_progress


def test_an_end_that_nobody_polled_shortly_before_proves_nothing() -> None:
    forecast = Forecast()
    for _ in range(10):
        timeline = TaskTimeline(0.0)
        forecast.next_poll(timeline, 49, 49.0, PAUSE)
        forecast.next_poll(timeline, 50, 50.0, PAUSE)
        forecast.ended(timeline, 101.0)
    assert not forecast.trusts_progress


@pytest.mark.parametrize(
    ("forecast", "round_seconds", "pause", "expected"),
    [
        (after(right=2), 0, 2, (2, False)),  # it ends in 2 to 3 seconds: not exact enough to wait for the last of them
        (after(right=2), 30, 2, (3, True)),  # exact enough where many wait, and near
        (after(right=2), 60, 1, (3, True)),  # near, where many wait
        (after(right=2), 25, 1, (pytest.approx(1.86, abs=0.01), True)),  # not quite so near: proved before
        (after(right=2), 1, 1, (1, False)),
        (after(right=3), 0, 1, (pytest.approx(1.86, abs=0.01), False)),  # believed, so slept for as long as it says
        (after(wrong=1), 30, 2, (3, True)),
        (after(wrong=2), 30, 2, (2, False)),  # wrong twice
        (after(right=8, wrong=2), 30, 2, (3, True)),
    ],
)
def test_a_near_end_is_polled_when_it_is_foretold(forecast: Forecast, round_seconds, pause, expected) -> None:
    assert forecast.next_poll(TaskTimeline(0.0), 94, 47.0, pause, round_seconds) == expected


def test_of_ends_that_are_foretold_long_before_one_in_eight_is_proved() -> None:
    forecast = after(right=8)
    polls = [forecast.next_poll(TaskTimeline(0.0), 50, 50.0, PAUSE, 400.0) for _ in range(16)]
    earliest = 50 * 100 / 60 - 50
    assert polls.count((50.0, True)) == 14
    assert polls.count((pytest.approx(0.95 * earliest), True)) == 2


def test_nobody_sleeps_for_longer_than_two_minutes_whatever_is_foretold() -> None:
    """A clock that was set forward makes every task seem old, and its end far away."""
    forecast = after(right=8)
    polls = {
        forecast.next_poll(TaskTimeline(0.0), 50, 3600.0, PAUSE, round_seconds)
        for round_seconds in (0.0, 4000.0)
        for _ in range(8)
    }
    assert polls == {(120.0, False)}


# --- anything at all

PROGRESSES = st.none() | st.integers(0, 100) | st.floats(0, 100)
COURSES = st.lists(st.tuples(st.floats(-4000, 4000), PROGRESSES), max_size=8)


@given(
    tasks=st.lists(
        st.tuples(st.none() | st.floats(-1e6, 1e10), COURSES, st.none() | st.floats(-1e9, 1e9)),
        max_size=MIN_SAMPLES + 5,
    ),
    round_seconds=st.floats(0, 1000),
)
@settings(deadline=None, max_examples=30)
def test_no_clock_and_no_progress_breaks_a_forecast(
    tasks: list[tuple[float | None, list[tuple[float, float | None]], float | None]], round_seconds: float
) -> None:
    forecast = Forecast()
    for created, polls, told in tasks:
        timeline, now = TaskTimeline(created), CREATED
        assert 5 <= forecast.first_poll(timeline, now, 5.0, round_seconds) <= max(now, 12)
        for seconds, progress in polls:  # which may be negative: a clock is set back
            now += seconds
            delay, _ = forecast.next_poll(timeline, progress, now, PAUSE, round_seconds)
            assert MIN_DELAY <= delay < math.inf
        forecast.ended(timeline, now, told)
        early = forecast.early_quantile()
        assert early is None or early >= 0


def test_a_clock_that_is_set_back_teaches_nothing() -> None:
    forecast = Forecast()
    Polls(forecast).at_all(generation_times(MAX_SAMPLES))
    before = forecast.early_quantile()
    for _ in range(MAX_SAMPLES):
        forecast.ended(TaskTimeline(CREATED, unfinished=CREATED + 50), CREATED - 3600)
    assert forecast.early_quantile() == before


def test_a_forecast_stays_small() -> None:
    forecast = Forecast()
    polls = Polls(forecast, PROGRESS["truthful"])
    for _ in range(3):
        polls.at_all(generation_times(MAX_SAMPLES))
    assert (len(forecast._samples), len(forecast._sorted)) == (MAX_SAMPLES, MAX_SAMPLES)
    assert sorted(forecast._samples) == forecast._sorted
    assert len(forecast._correct) == MAX_PREDICTIONS
