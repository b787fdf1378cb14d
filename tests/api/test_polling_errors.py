"""The poller's errors: transient ones, tasks that are not found, refused access."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lemondata_provider.api.errors import LemonDataError, NotFoundError, RateLimitError, ServiceError, TaskNotFoundError
from lemondata_provider.api.polling import Failed, PollAgain, PollResult, TaskPoller
from tests.api.pollers import REFUSED, START, error_of, gone, make_poller, passing, poll_again, refused, task

# --- transient errors


@passing
def test_on_error_transient_never_fails(error: LemonDataError) -> None:
    poller = make_poller(timeout=10**9)
    steps = [poller.on_error(error, START + 100 * n) for n in range(300)]
    assert all(isinstance(step, PollAgain) for step in steps)
    assert {step.error for step in steps if isinstance(step, PollAgain)} == {error}
    assert not any(poll_again(step).needs_confirmation or poll_again(step).needs_fresh_connection for step in steps)


@pytest.mark.parametrize(
    ("interval", "jitter", "delays"),
    [
        (5, 1.0, [5, 10, 20, 40, 60, 60, 60]),
        (5, 0.0, [5, 5, 10, 20, 30, 30, 30]),
        (20, 1.0, [20, 40, 60, 60]),
        (90, 1.0, [90, 90, 90]),
        (0.1, 1.0, [0.1, 0.2, 0.4, 0.8]),
    ],
)
def test_on_error_repeated_backs_off(interval: float, jitter: float, delays: list[float]) -> None:
    poller = make_poller(interval, jitter=lambda: jitter)
    assert [poll_again(poller.on_error(ServiceError("down"), START)).delay for _ in delays] == pytest.approx(delays)


def test_on_error_after_an_answer_resets_the_backoff() -> None:
    poller = make_poller()
    for _ in range(6):
        poller.on_error(ServiceError("down"), START)
    poller.on_task(task(), START)
    assert poll_again(poller.on_error(ServiceError("down"), START)).delay == 5


def test_on_error_thousands_of_errors_delay_stays_at_the_maximum() -> None:
    poller = make_poller(timeout=10**9)
    delays = [poll_again(poller.on_error(ServiceError("down"), START)).delay for _ in range(3000)]
    assert max(delays) == 60


@pytest.mark.parametrize(
    ("retry_after", "delay"), [(0, 5), (3, 5), (30, 31), (300, 301), (10_000, 600), (4.5, 5.5), (None, 5)]
)
def test_on_error_retry_after_is_waited_until_the_deadline(retry_after: float | None, delay: float) -> None:
    assert poll_again(make_poller().on_error(RateLimitError("slow", retry_after=retry_after), START)).delay == delay


# --- task not found


def test_on_error_task_not_found_twice_ten_seconds_apart_fails() -> None:
    poller = make_poller()
    first = poll_again(poller.on_error(gone(), START))
    assert (first.delay, first.needs_confirmation, first.needs_fresh_connection) == (10, True, False)
    error = error_of(poller.on_error(gone(), START + 10))
    assert type(error) is TaskNotFoundError


@pytest.mark.parametrize("interval", [0.5, 5, 60])
def test_on_error_task_not_found_any_interval_polls_again_after_ten_seconds(interval: float) -> None:
    assert poll_again(make_poller(interval).on_error(gone(), START)).delay == 10


@pytest.mark.parametrize("early", [0, 1, 9.75])
def test_on_error_task_not_found_again_too_early_waits_for_the_rest(early: float) -> None:
    poller = make_poller()
    poller.on_error(gone(), START)
    assert poll_again(poller.on_error(gone(), START + early)).delay == 10 - early
    assert isinstance(poller.on_error(gone(), START + 10), Failed)


def test_on_error_task_not_found_clock_set_back_waits_ten_seconds_at_most() -> None:
    poller = make_poller()
    poller.on_error(gone(), START)
    assert 0 <= poll_again(poller.on_error(gone(), START - 3600)).delay <= 10


@pytest.mark.parametrize(
    "between",
    [
        lambda poller: poller.on_task(task(), START + 10),
        lambda poller: poller.on_task(task("completed"), START + 10),
        lambda poller: poller.on_error(ServiceError("down"), START + 10),
        lambda poller: poller.on_error(NotFoundError("another 404"), START + 10),
        lambda poller: poller.on_error(REFUSED[0], START + 10),
    ],
    ids=["answer", "completed", "trouble", "other 404", "refused"],
)
def test_on_error_task_not_found_other_result_between_starts_over(between: Callable[[TaskPoller], PollResult]) -> None:
    poller = make_poller()
    poller.on_error(gone(), START)
    assert isinstance(between(poller), PollAgain)
    assert poll_again(poller.on_error(gone(), START + 20)).delay == 10
    assert isinstance(poller.on_error(gone(), START + 30), Failed)


@pytest.mark.parametrize("now", [START + 600, START + 9999])
def test_on_error_task_not_found_at_deadline_is_confirmed_once(now: float) -> None:
    poller = make_poller()
    assert poll_again(poller.on_error(gone(), now)).delay == 10
    assert type(error_of(poller.on_error(gone(), now + 10))) is TaskNotFoundError


# --- access refused


@refused
def test_on_error_access_refused_three_times_fails(error: LemonDataError) -> None:
    poller = make_poller(interval=7)
    for n in range(2):
        step = poll_again(poller.on_error(error, START + 7 * n))
        assert (step.delay, step.needs_confirmation, step.needs_fresh_connection) == (7, True, True)
        assert step.error is error
    end = error_of(poller.on_error(error, START + 14))
    assert (type(end), end.message) == (type(error), error.message)


def test_on_error_access_refused_for_several_reasons_counts_together() -> None:
    poller = make_poller()
    assert [type(poller.on_error(error, START)) for error in REFUSED] == [PollAgain, PollAgain, Failed]


@pytest.mark.parametrize(
    "between",
    [
        lambda poller: poller.on_task(task(), START),
        lambda poller: poller.on_error(ServiceError("down"), START),
        lambda poller: poller.on_error(gone(), START),
    ],
    ids=["answer", "trouble", "not found"],
)
@refused
def test_on_error_access_refused_other_result_between_starts_over(
    error: LemonDataError, between: Callable[[TaskPoller], PollResult]
) -> None:
    poller = make_poller()
    for _ in range(4):
        assert isinstance(poller.on_error(error, START), PollAgain)
        assert isinstance(poller.on_error(error, START), PollAgain)
        assert isinstance(between(poller), PollAgain)


def test_needs_fresh_connection_without_refusal_is_false() -> None:
    poller = make_poller()
    assert not poll_again(poller.start(START)).needs_fresh_connection
    assert not poll_again(poller.on_task(task(), START)).needs_fresh_connection
    assert not poll_again(poller.on_task(task("completed"), START)).needs_fresh_connection
    assert not poll_again(poller.on_error(gone(), START)).needs_fresh_connection
