from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist, fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.errors import RateLimitError, TaskTimeoutError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.polling import Ended, PollAgain, Step, TaskPoller
from lemondata_provider.api.rate_limiter import WINDOW, RateLimiter
from lemondata_provider.api.task import Task
from lemondata_provider.triggers.poll_hub import MIN_INTERVAL_SHARE
from lemondata_provider.triggers.schedule import PREDICTED_HEAD_START, Schedule

EPOCH = 1_800_000_000.0  # the Unix time at which the monotonic clock of these tests is at 0
INSTANT = 1e-6
INTERVAL = 5.0

Progress = Callable[[float], float | None]
TRUTHFUL: Progress = lambda part: 100 * part  # noqa: E731 # they stand side by side
NONE: Progress = lambda _: None  # noqa: E731 # the same
PROGRESS: list[Progress] = [NONE, TRUTHFUL, lambda _: 99, lambda part: 25 * math.floor(4 * part)]


# --- the order in which polls come


def drained(schedule: Schedule[Any], now: float = 0.0) -> list[tuple[Any, float]]:
    """Return everything that is planned, and when it may be polled."""
    taken = []
    while (at := schedule.next_at(now)) is not None:
        now = at
        taken.append((schedule.take(now), now))
    return taken


def schedule_of(per_minute: float = 6e6) -> Schedule[Any]:
    return Schedule(RateLimiter(per_minute))


def test_polls_come_when_they_are_due_and_in_that_order() -> None:
    schedule = schedule_of()
    for due in (30, 10, 20):
        schedule.put(due, due)
    assert drained(schedule) == [(10, 10), (20, 20), (30, 30)]
    assert (schedule.next_at(99), schedule.take(99)) == (None, None)


def test_nothing_is_taken_before_it_is_due_or_before_the_budget_allows() -> None:
    schedule = schedule_of(60)
    schedule.put("late", 5.0)
    assert schedule.take(4.9) is None
    assert schedule.take(5.0) == "late"
    schedule.put("at once", 5.0)
    assert schedule.take(5.0) is None
    assert schedule.next_at(5.0) == pytest.approx(5 + WINDOW / schedule.limiter.allowed)


def test_what_waited_longest_goes_first_and_a_foretold_end_before_it() -> None:
    schedule = schedule_of()
    schedule.put("first", 1.0)
    schedule.put("second", 2.0)
    schedule.put("predicted", 50.0, predicted=True)
    schedule.put("not yet", 51.0, predicted=True)
    assert [item for item, _ in drained(schedule, now=50.0)] == ["predicted", "first", "second", "not yet"]


def test_what_is_discarded_is_never_polled_and_costs_no_request() -> None:
    schedule = schedule_of(60)
    entries = {number: schedule.put(number, number / 10) for number in range(10)}
    for number in (0, 3, 9):
        schedule.discard(entries[number])
        schedule.discard(entries[number])
    taken = drained(schedule, now=0.55)
    assert [item for item, _ in taken] == [1, 2, 4, 5, 6, 7, 8]
    assert taken[-1][1] == pytest.approx(0.55 + 6 * WINDOW / schedule.limiter.allowed)


def test_discarding_what_was_taken_changes_nothing() -> None:
    schedule = schedule_of()
    entry = schedule.put("one", 0.0)
    schedule.put("two", 1.0)
    assert schedule.take(0.0) == "one"
    schedule.discard(entry)
    assert drained(schedule) == [("two", 1.0)]


def test_a_turn_is_as_long_as_one_poll_each_takes() -> None:
    schedule = schedule_of(1000)
    assert schedule.round_seconds(970) == pytest.approx(60)
    schedule.limiter.record_external(0.0, 485)
    assert schedule.round_seconds(970) == pytest.approx(120)
    schedule.limiter.record_external(0.0, 10_000)
    assert schedule.round_seconds(970) == pytest.approx(600)  # what others took they give back


@given(
    predicted=st.integers(1, 12),
    others=st.integers(1, 12),
    pause=st.floats(0, 30),
    per_minute=st.integers(4, 60),
)
@settings(deadline=None, max_examples=40)
def test_nobody_starves_behind_ends_that_are_foretold_all_the_time(
    predicted: int, others: int, pause: float, per_minute: int
) -> None:
    schedule = schedule_of(per_minute)
    for number in range(predicted + others):
        schedule.put((number, 0.0), 0.0, number < predicted)
    now, longest = 0.0, PREDICTED_HEAD_START + (predicted + others + 1) * WINDOW / math.floor(schedule.limiter.allowed)
    seen = set()
    while now < 3 * longest:
        now = schedule.next_at(now) or now
        number, due = schedule.take(now)
        seen.add(number)
        assert now - due <= longest + INSTANT
        schedule.put((number, now + pause), now + pause, number < predicted)
    assert len(seen) == predicted + others


# --- waits, limiter, forecast and schedule together


@dataclass
class Work:
    """A task of the service; instants are those of the monotonic clock."""

    created: float
    seconds: float
    timeout: float = 3600.0
    progress: Progress = NONE
    polls: list[float] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def deadline(self) -> float:
        return self.created + self.timeout

    @property
    def lag(self) -> float:
        return self.polls[-1] - self.created - self.seconds

    def answer(self, now: float) -> Task:
        if now >= self.created + self.seconds:
            return answered("completed", None, self.created)
        told = self.progress((now - self.created) / self.seconds)
        return answered("processing", told if told is None else min(int(told), 99), self.created)


@lru_cache(maxsize=10_000)
def answered(status: str, progress: float | None, created: float) -> Task:
    payload = {
        "status": status,
        "progress": progress,
        "created": EPOCH + created,
        "video_url": "https://cdn.test/v.mp4",
    }
    return Task.read(payload, "t1", "/v1/tasks/t1")


@dataclass
class Simulation:
    """
    One hub's waits on a clock of their own, put together as the hub does.

    :param limiter: what may be sent.
    :param limit: how many requests a minute the service lets in, creates included.
    :param creates_count: whether creates use the limit, and the hub is told so.
    """

    limiter: RateLimiter
    limit: float = math.inf
    creates_count: bool = True
    refused: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.schedule: Schedule[tuple[Work, TaskPoller]] = Schedule(self.limiter)
        self.forecast = Forecast()
        self.let_in: deque[float] = deque()
        self.known: list[float] = []  # all requests that the limiter was told of
        self.waiting = 0
        self.too_many = 0  # requests that were more than what is allowed in a minute

    def run(self, works: Sequence[Work], others: Iterable[float] = (), end: float = math.inf) -> Simulation:
        """Wait for all tasks, while somebody else sends requests of their own."""
        arriving = deque(sorted(works, key=lambda work: work.created))
        sending = deque(sorted(others))
        while (arriving or self.waiting) and self.now < end:
            at = self.schedule.next_at(self.now)
            at = math.inf if at is None else at
            if sending and sending[0] <= min(at, arriving[0].created if arriving else math.inf):
                self.now = max(self.now, sending.popleft())
                self._somebody_else()
            elif arriving and arriving[0].created <= at:
                self.now = max(self.now, arriving[0].created)
                self._arrive(arriving.popleft())
            else:
                self.now = at
                self._poll()
        return self

    def _somebody_else(self) -> None:
        self._lets_in()
        self.limiter.record_external(self.now)
        self.known.append(self.now)

    def _arrive(self, work: Work) -> None:
        if self.creates_count:
            self._somebody_else()
        self.waiting += 1
        wait = TaskPoller(
            "t1",
            "/v1/tasks/t1",
            poll_interval=INTERVAL,
            deadline=EPOCH + work.deadline,
            created=EPOCH + work.created,
            pause=MIN_INTERVAL_SHARE * INTERVAL,
            forecast=self.forecast,
        )
        self._plan(work, wait, wait.start(EPOCH + self.now, self._round_seconds()))

    def _poll(self) -> None:
        taken = self.schedule.take(self.now)
        assert taken is not None
        work, wait = taken
        work.polls.append(self.now)
        self.known.append(self.now)
        one_more = self.known[-math.floor(self.limiter.allowed) - 1 :]
        self.too_many += len(one_more) > self.limiter.allowed and one_more[0] > self.now - WINDOW + INSTANT
        step = self._step(work, wait)
        if isinstance(step, PollAgain):
            self._plan(work, wait, step)
        else:
            work.ended = step
            self.waiting -= 1

    def _step(self, work: Work, wait: TaskPoller) -> Step:
        if self._lets_in():
            return wait.on_task(work.answer(self.now), EPOCH + self.now, self._round_seconds())
        self.refused += 1
        retry_after = math.ceil(self.let_in[0] + WINDOW - self.now)
        self.limiter.on_rate_limited(self.now)
        self.limiter.pause_until(self.now + retry_after)
        return wait.on_error(RateLimitError("slow", status=429, retry_after=retry_after), EPOCH + self.now)

    def _lets_in(self) -> bool:
        while self.let_in and self.let_in[0] <= self.now - WINDOW + INSTANT:
            self.let_in.popleft()
        lets_in = len(self.let_in) < self.limit
        if lets_in:
            self.let_in.append(self.now)
        return lets_in

    def _plan(self, work: Work, wait: TaskPoller, step: PollAgain) -> None:
        self.schedule.put((work, wait), self.now + step.delay, step.predicted)

    def _round_seconds(self) -> float:
        return self.schedule.round_seconds(self.waiting)


def burst(count: int, shifts: Iterable[float] = (), progress: Progress = NONE) -> list[Work]:
    """Return tasks that are created at once, with the quantiles of a log-normal distribution as generation times."""
    normal = NormalDist(math.log(90), 0.5)
    seconds = [math.exp(normal.inv_cdf((number + 0.5) / count)) for number in range(count)]
    random.Random(3).shuffle(seconds)  # noqa: S311 # nothing secret
    created = list(shifts) or [0.001 * number for number in range(count)]
    return [Work(at, lasts, progress=progress) for at, lasts in zip(created, seconds, strict=True)]


WORKS = st.lists(
    st.builds(
        Work,
        created=st.floats(0, 300),
        seconds=st.floats(0.1, 400),
        timeout=st.floats(1, 300),
        progress=st.sampled_from(PROGRESS),
    ),
    min_size=1,
    max_size=25,
)


@given(works=WORKS, others=st.lists(st.floats(0, 400), max_size=30), per_minute=st.integers(6, 120))
@settings(deadline=None, max_examples=60)
def test_whatever_comes_when_each_task_gets_its_last_poll_in_time_and_no_minute_too_many(
    works: list[Work], others: list[float], per_minute: int
) -> None:
    limiter = RateLimiter(per_minute)
    simulation = Simulation(limiter).run(works, others)
    assert simulation.too_many == 0
    # What others use up is given back within a minute each time, and nobody has a head start of more than two.
    requests = 2 * len(works) + len(others) + len(works) * PREDICTED_HEAD_START / INTERVAL
    longest = PREDICTED_HEAD_START + WINDOW * (2 + requests / math.floor(limiter.allowed))
    for work in works:
        assert work.ended is not None
        *before, last = work.polls
        assert all(at < work.deadline + INSTANT for at in before)  # the first poll after the deadline is the last
        assert last <= work.deadline + longest
        if work.ended.task is None:
            assert type(work.ended.error) is TaskTimeoutError
            assert last >= work.deadline - INSTANT
            assert last < work.created + work.seconds
        else:
            assert last >= work.created + work.seconds


@pytest.mark.parametrize("progress", [NONE, TRUTHFUL])
def test_results_do_not_depend_on_when_exactly_tasks_arrive(progress: Progress) -> None:
    lags, polls = [], []
    for seed in range(4):
        chance = random.Random(seed)  # noqa: S311 # nothing secret
        works = burst(200, [seed and chance.random() for _ in range(200)], progress)
        Simulation(RateLimiter(1000)).run(works)
        lags.append(fmean(work.lag for work in works))
        polls.append(fmean(len(work.polls) for work in works))
    assert lags == pytest.approx([fmean(lags)] * 4, rel=0.1, abs=0.15)  # a mean of 200 lags is no more exact than that
    assert polls == pytest.approx([fmean(polls)] * 4, rel=0.05)


def test_truthful_progress_brings_ends_sooner_and_with_fewer_polls() -> None:
    without, ours = burst(100), burst(100, progress=TRUTHFUL)
    Simulation(RateLimiter(500), limit=500).run(without)
    Simulation(RateLimiter(500), limit=500).run(ours)
    assert fmean(work.lag for work in ours) <= 0.4 * fmean(work.lag for work in without)
    assert sum(len(work.polls) for work in ours) <= 0.8 * sum(len(work.polls) for work in without)


def test_after_a_restart_two_thousand_first_polls_are_spread_and_none_is_refused() -> None:
    works = [Work(0.0, 1e6, timeout=1e7) for _ in range(2000)]
    simulation = Simulation(RateLimiter(1000), limit=1000, creates_count=False).run(works, end=150.0)
    first = sorted(work.polls[0] for work in works)
    assert simulation.refused == 0
    assert first[-1] <= 12 + 2000 * WINDOW / simulation.limiter.allowed + 1
    assert min(later - sooner for sooner, later in zip(first, first[2:], strict=False)) >= 0.06
    assert first[0] <= 12


def test_a_burst_of_creates_and_its_polls_stay_below_the_limit_of_the_service() -> None:
    works = burst(200)
    simulation = Simulation(RateLimiter(1000), limit=1000).run(works)
    assert (simulation.refused, simulation.too_many) == (0, 0)
    assert all(work.ended and work.ended.task for work in works)


def test_a_limit_that_is_lower_than_configured_costs_some_refusals_and_no_task() -> None:
    works = burst(60)
    simulation = Simulation(RateLimiter(1000), limit=100).run(works)
    assert 0 < simulation.refused < 0.2 * sum(len(work.polls) for work in works)
    assert all(work.ended and work.ended.task for work in works)
