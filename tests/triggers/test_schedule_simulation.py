from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist, fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.errors import RateLimitError, TaskTimeoutError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.polling import Completed, Failed, PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.rate_limiter import WINDOW, RateLimiter
from lemondata_provider.api.task import Task
from lemondata_provider.triggers.schedule import MIN_INTERVAL_SHARE, PREDICTED_HEAD_START, Schedule

EPOCH = 1_800_000_000.0  # Unix time at 0 of the tests' monotonic clock
INSTANT = 1e-6
INTERVAL = 5.0

Progress = Callable[[float], float | None]
TRUTHFUL: Progress = lambda part: 100 * part  # noqa: E731 # they stand side by side
NONE: Progress = lambda _: None  # noqa: E731 # the same
PROGRESS: list[Progress] = [NONE, TRUTHFUL, lambda _: 99, lambda part: 25 * math.floor(4 * part)]


@dataclass
class SimulatedTask:
    """A task of the service, in seconds of the monotonic clock."""

    created: float
    seconds: float
    timeout: float = 3600.0
    progress: Progress = NONE
    polls: list[float] = field(default_factory=list)
    end_result: Completed | Failed | None = None

    @property
    def deadline(self) -> float:
        return self.created + self.timeout

    @property
    def lag(self) -> float:
        return self.polls[-1] - self.created - self.seconds

    def answer(self, now: float) -> Task:
        if now >= self.created + self.seconds:
            return task_answer("completed", None, self.created)
        progress = self.progress((now - self.created) / self.seconds)
        return task_answer("processing", progress if progress is None else min(int(progress), 99), self.created)


@lru_cache(maxsize=10_000)
def task_answer(status: str, progress: float | None, created: float) -> Task:
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
    The waits of one poll hub on a simulated clock.

    :param limiter: rate limiter of the hub.
    :param limit: requests per minute that the service accepts, creates included.
    :param creates_count: creates use the limit, and the hub records them.
    """

    limiter: RateLimiter
    limit: float = math.inf
    creates_count: bool = True
    rate_limited: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.schedule: Schedule[tuple[SimulatedTask, TaskPoller]] = Schedule(self.limiter)
        self.forecast = Forecast()
        self.accepted: deque[float] = deque()
        self.counted: list[float] = []  # all requests that the rate limiter counts
        self.waiting = 0
        self.over_limit = 0  # requests above the rate limit of a minute

    def run(self, tasks: Sequence[SimulatedTask], external: Iterable[float] = (), end: float = math.inf) -> Simulation:
        """Wait for all tasks while other processes send requests."""
        arriving = deque(sorted(tasks, key=lambda task: task.created))
        sending = deque(sorted(external))
        while (arriving or self.waiting) and self.now < end:
            at = self.schedule.next_at(self.now)
            at = math.inf if at is None else at
            if sending and sending[0] <= min(at, arriving[0].created if arriving else math.inf):
                self.now = max(self.now, sending.popleft())
                self._external_request()
            elif arriving and arriving[0].created <= at:
                self.now = max(self.now, arriving[0].created)
                self._arrive(arriving.popleft())
            else:
                self.now = at
                self._poll()
        return self

    def _external_request(self) -> None:
        self._accepts()
        self.limiter.record_external(self.now)
        self.counted.append(self.now)

    def _arrive(self, task: SimulatedTask) -> None:
        if self.creates_count:
            self._external_request()
        self.waiting += 1
        wait = TaskWait(
            "t1", "/v1/tasks/t1", "lemondata_default", EPOCH + task.deadline, INTERVAL, created=EPOCH + task.created
        )
        poller = TaskPoller(wait, min_interval=MIN_INTERVAL_SHARE * INTERVAL, forecast=self.forecast)
        self._plan(task, poller, poller.start(EPOCH + self.now, self._round_seconds()))

    def _poll(self) -> None:
        taken = self.schedule.take(self.now)
        assert taken is not None
        task, poller = taken
        task.polls.append(self.now)
        self.counted.append(self.now)
        one_more = self.counted[-math.floor(self.limiter.allowed) - 1 :]
        self.over_limit += len(one_more) > self.limiter.allowed and one_more[0] > self.now - WINDOW + INSTANT
        result = self._result(task, poller)
        if isinstance(result, PollAgain):
            self._plan(task, poller, result)
        else:
            task.end_result = result
            self.waiting -= 1

    def _result(self, task: SimulatedTask, poller: TaskPoller) -> PollResult:
        if self._accepts():
            return poller.on_task(task.answer(self.now), EPOCH + self.now, self._round_seconds())
        self.rate_limited += 1
        retry_after = math.ceil(self.accepted[0] + WINDOW - self.now)
        self.limiter.on_rate_limited(self.now)
        self.limiter.pause_until(self.now + retry_after)
        return poller.on_error(RateLimitError("slow", status=429, retry_after=retry_after), EPOCH + self.now)

    def _accepts(self) -> bool:
        while self.accepted and self.accepted[0] <= self.now - WINDOW + INSTANT:
            self.accepted.popleft()
        accepts = len(self.accepted) < self.limit
        if accepts:
            self.accepted.append(self.now)
        return accepts

    def _plan(self, task: SimulatedTask, poller: TaskPoller, result: PollAgain) -> None:
        self.schedule.put((task, poller), self.now + result.delay, result.predicted)

    def _round_seconds(self) -> float:
        return self.schedule.round_seconds(self.waiting)


def burst(count: int, shifts: Iterable[float] = (), progress: Progress = NONE) -> list[SimulatedTask]:
    """Return tasks that are created at once, with the quantiles of a log-normal distribution as generation times."""
    normal = NormalDist(math.log(90), 0.5)
    seconds = [math.exp(normal.inv_cdf((number + 0.5) / count)) for number in range(count)]
    random.Random(3).shuffle(seconds)  # noqa: S311 # nothing secret
    created = list(shifts) or [0.001 * number for number in range(count)]
    return [SimulatedTask(at, lasts, progress=progress) for at, lasts in zip(created, seconds, strict=True)]


TASKS = st.lists(
    st.builds(
        SimulatedTask,
        created=st.floats(0, 300),
        seconds=st.floats(0.1, 400),
        timeout=st.floats(1, 300),
        progress=st.sampled_from(PROGRESS),
    ),
    min_size=1,
    max_size=25,
)


@given(tasks=TASKS, external=st.lists(st.floats(0, 400), max_size=30), per_minute=st.integers(6, 120))
@settings(deadline=None, max_examples=60)
def test_simulation_any_tasks_end_in_time_within_the_rate_limit(
    tasks: list[SimulatedTask], external: list[float], per_minute: int
) -> None:
    limiter = RateLimiter(per_minute)
    simulation = Simulation(limiter).run(tasks, external)
    assert simulation.over_limit == 0
    # External requests expire within a minute, and no head start is longer than two minutes.
    requests = 2 * len(tasks) + len(external) + len(tasks) * PREDICTED_HEAD_START / INTERVAL
    longest = PREDICTED_HEAD_START + WINDOW * (2 + requests / math.floor(limiter.allowed))
    for task in tasks:
        assert task.end_result is not None
        *before, last = task.polls
        assert all(at < task.deadline + INSTANT for at in before)  # the first poll after the deadline is the last
        assert last <= task.deadline + longest
        if isinstance(task.end_result, Failed):
            assert type(task.end_result.error) is TaskTimeoutError
            assert last >= task.deadline - INSTANT
            assert last < task.created + task.seconds
        else:
            assert last >= task.created + task.seconds


@pytest.mark.parametrize("progress", [NONE, TRUTHFUL])
def test_simulation_random_arrivals_have_the_same_lag_and_polls(progress: Progress) -> None:
    lags, polls = [], []
    for seed in range(4):
        chance = random.Random(seed)  # noqa: S311 # nothing secret
        tasks = burst(200, [seed and chance.random() for _ in range(200)], progress)
        Simulation(RateLimiter(1000)).run(tasks)
        lags.append(fmean(task.lag for task in tasks))
        polls.append(fmean(len(task.polls) for task in tasks))
    assert lags == pytest.approx([fmean(lags)] * 4, rel=0.1, abs=0.15)  # a mean of 200 lags is no more exact than that
    assert polls == pytest.approx([fmean(polls)] * 4, rel=0.05)


def test_simulation_truthful_progress_lowers_lag_and_polls() -> None:
    without, ours = burst(100), burst(100, progress=TRUTHFUL)
    Simulation(RateLimiter(500), limit=500).run(without)
    Simulation(RateLimiter(500), limit=500).run(ours)
    assert fmean(task.lag for task in ours) <= 0.4 * fmean(task.lag for task in without)
    assert sum(len(task.polls) for task in ours) <= 0.8 * sum(len(task.polls) for task in without)


def test_simulation_restart_spreads_two_thousand_first_polls_without_a_429() -> None:
    tasks = [SimulatedTask(0.0, 1e6, timeout=1e7) for _ in range(2000)]
    simulation = Simulation(RateLimiter(1000), limit=1000, creates_count=False).run(tasks, end=150.0)
    first = sorted(task.polls[0] for task in tasks)
    assert simulation.rate_limited == 0
    assert first[-1] <= 12 + 2000 * WINDOW / simulation.limiter.allowed + 1
    assert min(later - sooner for sooner, later in zip(first, first[2:], strict=False)) >= 0.06
    assert first[0] <= 12


def test_simulation_burst_of_creates_stays_below_the_rate_limit() -> None:
    tasks = burst(200)
    simulation = Simulation(RateLimiter(1000), limit=1000).run(tasks)
    assert (simulation.rate_limited, simulation.over_limit) == (0, 0)
    assert all(isinstance(task.end_result, Completed) for task in tasks)


def test_simulation_lower_rate_limit_than_configured_loses_no_task() -> None:
    tasks = burst(60)
    simulation = Simulation(RateLimiter(1000), limit=100).run(tasks)
    assert 0 < simulation.rate_limited < 0.2 * sum(len(task.polls) for task in tasks)
    assert all(isinstance(task.end_result, Completed) for task in tasks)
