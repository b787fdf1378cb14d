"""The poller's errors: transient ones, tasks that are not found, refused access."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lemondata_provider.api.errors import (
    LemonDataError,
    RateLimitError,
    ServiceError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from lemondata_provider.api.polling import AUTH_GRACE_SECONDS, Failed, PollAgain, PollResult, TaskPoller
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
    ("retry_after", "delay"), [(0, 5), (3, 5), (30, 31), (300, 121), (86_400, 121), (4.5, 5.5), (None, 5)]
)
def test_on_error_retry_after_is_waited_but_never_for_long(retry_after: float | None, delay: float) -> None:
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
        lambda poller: poller.on_error(REFUSED[0], START + 10),
    ],
    ids=["answer", "completed", "trouble", "refused"],
)
def test_on_error_task_not_found_other_result_between_starts_over(between: Callable[[TaskPoller], PollResult]) -> None:
    poller = make_poller()
    poller.on_error(gone(), START)
    assert isinstance(between(poller), PollAgain)
    assert poll_again(poller.on_error(gone(), START + 20)).delay == 10
    assert isinstance(poller.on_error(gone(), START + 30), Failed)


@pytest.mark.parametrize("now", [START + 600, START + 9999])
def test_on_error_task_not_found_at_deadline_ends_the_wait(now: float) -> None:
    error = error_of(make_poller().on_error(gone(), now))
    assert type(error) is TaskTimeoutError
    assert "gone" in error.message


# --- access refused


@refused
def test_on_error_refusals_for_ten_minutes_fail(error: LemonDataError) -> None:
    poller = make_poller(interval=7, timeout=10**6)
    now, delays = START, []
    while isinstance(step := poller.on_error(error, now), PollAgain):
        assert (step.needs_confirmation, step.needs_fresh_connection, step.error) == (False, True, error)
        delays.append(step.delay)
        now += step.delay
    end = error_of(step)
    assert (type(end), end.message) == (type(error), error.message)
    assert now == START + AUTH_GRACE_SECONDS
    assert delays[:-1] == sorted(delays[:-1])
    assert delays[0] == 7
    assert max(delays) == 60


@refused
def test_on_error_refusals_until_the_deadline_time_out(error: LemonDataError) -> None:
    poller = make_poller(timeout=60)
    poller.on_task(task(), START)
    assert isinstance(poller.on_error(error, START + 1), PollAgain)
    end = error_of(poller.on_error(error, START + 60))
    assert type(end) is TaskTimeoutError
    assert error.message in end.message
    assert "the last status was processing" in end.message


def test_on_error_refusals_for_several_reasons_count_together() -> None:
    poller = make_poller(timeout=10**6)
    for n, error in enumerate(REFUSED * 3):
        assert isinstance(poller.on_error(error, START + n), PollAgain)
    assert isinstance(poller.on_error(REFUSED[0], START + AUTH_GRACE_SECONDS), Failed)


@pytest.mark.parametrize(
    "between",
    [
        lambda poller: poller.on_task(task(), START + 500),
        lambda poller: poller.on_error(ServiceError("down"), START + 500),
        lambda poller: poller.on_error(gone(), START + 500),
    ],
    ids=["answer", "trouble", "not found"],
)
@refused
def test_on_error_refusals_with_another_result_between_start_over(
    error: LemonDataError, between: Callable[[TaskPoller], PollResult]
) -> None:
    poller = make_poller(timeout=10**6)
    assert isinstance(poller.on_error(error, START), PollAgain)
    assert isinstance(between(poller), PollAgain)
    assert isinstance(poller.on_error(error, START + AUTH_GRACE_SECONDS + 1), PollAgain)


@refused
def test_error_message_of_refusals_in_a_row_is_said_once(error: LemonDataError) -> None:
    poller = make_poller(timeout=10**6)
    messages = []
    for n in range(20):
        messages.append(poller.error_message(error))
        poller.on_error(error, START + n)
    assert "will retry for 10 minutes" in str(messages[0])
    assert set(messages[1:]) == {None}
    poller.on_task(task(), START + 30)
    assert poller.error_message(error)


@passing
def test_error_message_of_passing_trouble_is_said_each_time(error: LemonDataError) -> None:
    poller = make_poller()
    poller.on_error(error, START)
    assert error.message in str(poller.error_message(error))


def test_timed_out_without_any_answer_says_so() -> None:
    poller = make_poller()
    assert "no poll was answered" in error_of(poller.timed_out()).message
    poller.on_task(task("simmering-9"), START)
    assert "the last status was simmering-9" in error_of(poller.timed_out(ServiceError("down"))).message
    assert "the last poll failed: down" in error_of(poller.timed_out(ServiceError("down"))).message


def test_needs_fresh_connection_without_refusal_is_false() -> None:
    poller = make_poller()
    assert not poll_again(poller.start(START)).needs_fresh_connection
    assert not poll_again(poller.on_task(task(), START)).needs_fresh_connection
    assert not poll_again(poller.on_task(task("completed"), START)).needs_fresh_connection
    assert not poll_again(poller.on_error(gone(), START)).needs_fresh_connection
