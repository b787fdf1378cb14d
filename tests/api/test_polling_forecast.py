"""The poller with a forecast of when tasks end."""

from __future__ import annotations

import pytest

from lemondata_provider.api.errors import ServiceError
from lemondata_provider.api.forecast import Forecast, TaskTimeline
from lemondata_provider.api.polling import TaskPoller, TaskWait
from tests.api.pollers import POLL_URL, START, make_poller, poll_again, task


def informed(
    ends: int = 30, created: float | None = START, pause: float | None = None, timeout: float = 600
) -> TaskPoller:
    """Return a wait for a task of a model whose tasks ended after 100 s and reported truthful progress."""
    forecast = Forecast()
    for _ in range(ends):
        timeline = TaskTimeline(0.0)
        for age in (37, 50, 90):
            forecast.next_poll(timeline, age, age, 2.0)
        forecast.ended(timeline, 102, 100)
    return TaskPoller(
        TaskWait("t1", POLL_URL, "c", START + timeout, 5.0, created=created), min_interval=pause, forecast=forecast
    )


def test_start_with_forecast_waits_for_the_first_ends_of_the_model() -> None:
    assert poll_again(informed().start(START)).delay == 100
    assert poll_again(informed().start(START + 30)).delay == 70
    assert poll_again(informed().start(START + 99)).delay == 5
    assert poll_again(informed(created=None).start(START)).delay == 5
    assert poll_again(informed(ends=3).start(START)).delay == 5


@pytest.mark.parametrize("ahead", [1, 3600, 1e9])
def test_start_created_in_the_future_counts_as_now(ahead: float) -> None:
    assert poll_again(informed(created=START + ahead).start(START)).delay == 100


def test_start_without_forecast_and_shared_rate_limit_waits_longer() -> None:
    assert poll_again(make_poller().start(START, round_seconds=0.3)).delay == 9
    assert poll_again(make_poller().start(START, round_seconds=1000)).delay == 12
    assert poll_again(make_poller(timeout=10).start(START, round_seconds=6)).delay == 10


def test_on_task_trusted_progress_polls_at_the_predicted_end() -> None:
    poller = informed()
    step = poll_again(poller.on_task(task(progress=94, created=START), START + 47))
    assert step.delay == pytest.approx(3)
    assert step.predicted


def test_on_task_predicted_end_after_deadline_polls_at_the_deadline() -> None:
    poller = informed(timeout=70)
    assert poll_again(poller.on_task(task(progress=60), START + 60)).delay == 10


def test_created_unknown_is_read_from_the_answer() -> None:
    answer = task(created=START - 50)
    poller, created_known = make_poller(), informed()
    for each in (poller, created_known):
        each.on_task(answer, START)
    assert (poller.created, created_known.created) == (START - 50, START)
    ahead = make_poller()
    ahead.on_task(task(created=START + 50), START)
    assert ahead.created == START


def test_min_interval_below_poll_interval_is_used_unless_after_an_error() -> None:
    poller = informed(pause=2)
    assert poll_again(poller.on_task(task(), START)).delay == 2
    assert poll_again(poller.on_error(ServiceError("down"), START)).delay >= 5


def test_on_task_short_interval_near_end_is_not_made_longer() -> None:
    poller = TaskPoller(TaskWait("t1", POLL_URL, "c", START + 600, 0.2, created=START))
    assert poll_again(poller.on_task(task(progress=99.9), START + 10)).delay == 0.2
