"""Any sequence of answers and errors keeps the poll interval and ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    LemonDataError,
    MissingVideoError,
    NotFoundError,
    RateLimitError,
)
from lemondata_provider.api.polling import Completed, Failed, PollAgain, PollResult, TaskPoller
from lemondata_provider.api.task import Task
from tests.api.pollers import PASSING, REFUSED, START, gone, make_poller, task

ANSWERS = st.sampled_from([task(), task("pending"), task("brand_new"), task("completed")])
ERRORS = st.sampled_from([*PASSING, *REFUSED, gone(), RateLimitError("slow", retry_after=1e9)])
SEEN = st.lists(st.tuples(ANSWERS | ERRORS, st.floats(0, 30)), min_size=1, max_size=12)
MARGIN = 100.0  # seconds after the deadline: four polls for a video, each followed by a confirmation


def polls(
    poller: TaskPoller, seen: Iterator[tuple[Task | LemonDataError, float]]
) -> Iterator[tuple[float, PollResult]]:
    """Wait as the trigger does; each poll takes some seconds of its own."""
    now = START
    step: PollResult = poller.start(START)
    while isinstance(step, PollAgain):
        what, seconds = next(seen)
        now += step.delay + seconds
        step = poller.on_task(what, now) if isinstance(what, Task) else poller.on_error(what, now)
        yield now, step


@given(
    seen=SEEN,
    interval=st.floats(0.5, 120),
    timeout=st.floats(-100, 2000),
    jitters=st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
@settings(deadline=None, max_examples=200)
def test_task_poller_any_sequence_keeps_the_interval_and_ends(
    seen: list[tuple[Any, float]], interval: float, timeout: float, jitters: list[float]
) -> None:
    poller = make_poller(interval, timeout, jitter=itertools.cycle(jitters).__next__)
    latency = 30.0
    steps = list(itertools.islice(polls(poller, itertools.cycle(seen)), 10_000))
    end, last = steps[-1]
    assert isinstance(last, (Completed, Failed))
    assert all(step.delay >= 0 for _, step in steps if isinstance(step, PollAgain))
    assert end <= max(poller.wait.deadline, START) + MARGIN + 9 * latency
    assert len(steps) <= (end - START) / min(interval, 10.0) + 3


@given(seen=SEEN, interval=st.floats(0.5, 120))
@settings(deadline=None)
def test_task_poller_any_sequence_fails_before_deadline_for_final_errors_only(
    seen: list[tuple[Any, float]], interval: float
) -> None:
    poller = make_poller(interval, timeout=1e7)
    kinds = (NotFoundError, MissingVideoError, AuthenticationError, AccessDeniedError, ConfigurationError)
    for now, step in itertools.islice(polls(poller, itertools.cycle(seen)), 100):
        if isinstance(step, Failed) and now < poller.wait.deadline:
            assert isinstance(step.error, kinds)
