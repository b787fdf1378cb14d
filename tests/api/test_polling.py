"""The poller: answers, the deadline, and progress messages."""

from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.errors import (
    LemonDataError,
    MissingVideoError,
    ServiceError,
    TaskFailedError,
    TaskTimeoutError,
)
from lemondata_provider.api.polling import Completed, PollAgain
from tests.api.pollers import PASSING, POLL_URL, REFUSED, START, VIDEO, error_of, make_poller, poll_again, task

# --- ordinary answers


@pytest.mark.parametrize(
    ("interval", "timeout", "delay"), [(5, 600, 5), (30, 600, 30), (5, 3, 3), (5, 0, 0), (5, -9, 0)]
)
def test_start_without_forecast_waits_one_interval(interval: float, timeout: float, delay: float) -> None:
    assert make_poller(interval, timeout).start(START) == PollAgain(delay)


@pytest.mark.parametrize("status", ["pending", "processing", "", "brand_new"])
def test_on_task_unfinished_polls_after_each_interval(status: str) -> None:
    poller = make_poller(interval=7)
    steps = [poller.on_task(task(status), START + 7 * n) for n in range(1, 50)]
    assert steps == [PollAgain(7)] * 49


@pytest.mark.parametrize("word", ["completed", "Succeeded"])
@pytest.mark.parametrize("late", [0, 10_000])
def test_on_task_completed_even_after_deadline_completes(word: str, late: float) -> None:
    finished = task(word, **VIDEO)
    assert make_poller().on_task(finished, START + late) == Completed(finished)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "failed", "error": "the prompt was refused"}, ["failed", "the prompt was refused"]),
        ({"status": "failed", "error": {"code": "nsfw", "message": "not this"}}, ["failed", "not this"]),
        ({"status": "failed", "error": {"code": "nsfw"}}, ["failed", "nsfw"]),
        ({"status": "failed"}, ["failed", "no reason given"]),
        ({"status": "failed", "error": {}}, ["failed", "no reason given"]),
        ({"status": "failed", "cancelled": True, "error": "by the user"}, ["was cancelled", "by the user"]),
        ({"status": "cancelled", "cancelled": True}, ["was cancelled"]),
        ({"status": "error", "error": "broken"}, ["failed", "broken"]),
    ],
)
@pytest.mark.parametrize("late", [0, 10_000])
def test_on_task_failed_fails_with_its_reason(fields: dict[str, Any], words: list[str], late: float) -> None:
    error = error_of(make_poller().on_task(task(**fields), START + late))
    assert type(error) is TaskFailedError
    assert error.final
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize("word", ["expired", "cancelled", "canceled"])
def test_on_task_failed_without_reason_names_its_status(word: str) -> None:
    assert word[:6] in str(error_of(make_poller().on_task(task(word.title()), START)))


def test_on_task_failed_with_code_keeps_it() -> None:
    failed = task("failed", error={"code": "nsfw", "message": "not this"})
    assert error_of(make_poller().on_task(failed, START)).code == "nsfw"


# --- deadline


@pytest.mark.parametrize(("now", "delay"), [(START, 5), (START + 596, 4), (START + 599.5, 0.5)])
def test_poll_again_before_deadline_is_no_later_than_it(now: float, delay: float) -> None:
    assert make_poller().on_task(task(), now) == PollAgain(delay)
    assert poll_again(make_poller().on_error(ServiceError("down"), now)).delay == delay
    assert poll_again(make_poller().on_error(REFUSED[0], now)).delay == delay


@pytest.mark.parametrize("now", [START + 600, START + 600.1, START + 10**6])
def test_on_task_unfinished_at_deadline_times_out(now: float) -> None:
    error = error_of(make_poller().on_task(task("Pending"), now))
    assert type(error) is TaskTimeoutError
    for words in ("deadline", "pending", "paid", f"TaskSensor(poll_url='{POLL_URL}')"):
        assert words in str(error)


@pytest.mark.parametrize("error", [*PASSING, *REFUSED], ids=lambda error: error.message)
def test_on_error_at_deadline_times_out_and_names_the_error(error: LemonDataError) -> None:
    assert isinstance(make_poller().on_error(error, START + 599.9), PollAgain)
    timed_out = error_of(make_poller().on_error(error, START + 600))
    assert type(timed_out) is TaskTimeoutError
    assert error.message in str(timed_out)


def test_start_after_deadline_polls_once() -> None:
    poller = make_poller(timeout=-100)
    assert poller.start(START) == PollAgain(0)
    finished = task("completed", **VIDEO)
    assert poller.on_task(finished, START) == Completed(finished)


# --- completed without a video


@pytest.mark.parametrize(("interval", "delay"), [(5, 5), (60, 10)])
def test_on_task_completed_without_video_polls_three_more_times(interval: float, delay: float) -> None:
    poller = make_poller(interval)
    for _ in range(3):
        step = poll_again(poller.on_task(task("completed"), START))
        assert (step.delay, step.needs_confirmation, type(step.error)) == (delay, True, MissingVideoError)
    error = error_of(poller.on_task(task("completed", moderation="blocked"), START))
    assert type(error) is MissingVideoError
    assert "t1" in str(error)
    assert '"moderation": "blocked"' in error.message


def test_on_task_completed_without_video_at_the_deadline_ends_the_wait() -> None:
    assert type(error_of(make_poller().on_task(task("completed"), START + 9999))) is MissingVideoError


@pytest.mark.parametrize("polls", [1, 2, 3])
def test_on_task_completed_video_comes_late_completes(polls: int) -> None:
    poller = make_poller()
    for _ in range(polls):
        poller.on_task(task("completed"), START)
    finished = task("completed", **VIDEO)
    assert poller.on_task(finished, START) == Completed(finished)


# --- message


def test_progress_message_new_status_or_ten_percent_more_is_given() -> None:
    poller = make_poller()
    polls: list[tuple[str, float | None]] = [
        ("pending", None),
        ("pending", 0),
        ("processing", 0),
        ("processing", 9),
        ("processing", 10),
    ]
    polls += [("processing", 19.9), ("processing", 5), ("processing", 60), ("completed", 100), ("completed", 100)]
    assert [poller.progress_message(task(status, progress=progress), START) for status, progress in polls] == [
        "Task t1 is pending",
        None,
        "Task t1 is processing, 0 %",
        None,
        "Task t1 is processing, 10 %",
        None,
        None,
        "Task t1 is processing, 60 %",
        "Task t1 is completed, 100 %",
        None,
    ]


def test_progress_message_small_progress_after_half_a_minute_is_given() -> None:
    poller = make_poller()
    polls = [(0, 3), (29, 4), (30, 4), (31, 5), (61, 6), (1000, 6), (2000, 5)]
    reported = [at for at, progress in polls if poller.progress_message(task(progress=progress), START + at)]
    assert reported == [0, 30, 61]


def test_last_task_before_first_answer_is_none() -> None:
    poller = make_poller()
    assert (poller.last_task, poller.created) == (None, None)
    poller.on_error(ServiceError("down"), START)
    assert poller.last_task is None
    first = task()
    poller.on_task(first, START)
    assert poller.last_task is first
