from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.errors import (
    AccessDeniedError,
    AnswerLostError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    InsufficientBalanceError,
    LemonDataError,
    MissingVideoError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TaskFailedError,
    TaskNotFoundError,
    TaskTimeoutError,
    UnreadableAnswerError,
)
from lemondata_provider.api.forecast import Forecast, TaskTimeline
from lemondata_provider.api.polling import Completed, Failed, PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.task import Task

START = 1_000_000.0
POLL_URL = "/v1/tasks/t1?k=1"


def wait(interval: float = 5.0, timeout: float = 600.0, jitter: Callable[[], float] = lambda: 1.0) -> TaskPoller:
    return TaskPoller(TaskWait("t1", POLL_URL, "c", START + timeout, interval), jitter=jitter)


def task(status: str = "processing", **fields: Any) -> Task:
    return Task.read({"status": status, **fields}, "t1", POLL_URL)


def gone() -> TaskNotFoundError:
    return TaskNotFoundError("gone", status=404, code="async_task_not_found")


def again(step: PollResult) -> PollAgain:
    assert isinstance(step, PollAgain), step
    return step


def error_of(step: PollResult) -> LemonDataError:
    assert isinstance(step, Failed), step
    assert (step.error.task_id, step.error.poll_url) == ("t1", POLL_URL)
    assert POLL_URL in str(step.error)
    return step.error


VIDEO = {"video_url": "https://cdn.test/a.mp4"}
PASSING = [
    RateLimitError("slow", status=429),
    ServiceError("down", status=500),
    ServiceError("never", status=503, hints={"retryable": False}),
    AnswerLostError("reset"),
    ConnectionFailedError("refused"),
    UnreadableAnswerError("html"),
    NotFoundError("no such page", status=404),
    BadRequestError("odd", status=400),
    InsufficientBalanceError("poor", status=402),
]
REFUSED = [
    AuthenticationError("bad key", status=401),
    AccessDeniedError("not yours", status=403),
    ConfigurationError("no such connection"),
]
passing = pytest.mark.parametrize("error", PASSING, ids=lambda error: error.message)
refused = pytest.mark.parametrize("error", REFUSED, ids=lambda error: error.message)


# --- ordinary answers


@pytest.mark.parametrize(
    ("interval", "timeout", "delay"), [(5, 600, 5), (30, 600, 30), (5, 3, 3), (5, 0, 0), (5, -9, 0)]
)
def test_start_without_forecast_waits_one_interval(interval: float, timeout: float, delay: float) -> None:
    assert wait(interval, timeout).start(START) == PollAgain(delay)


@pytest.mark.parametrize("status", ["pending", "processing", "", "brand_new"])
def test_on_task_unfinished_polls_after_each_interval(status: str) -> None:
    ours = wait(interval=7)
    steps = [ours.on_task(task(status), START + 7 * n) for n in range(1, 50)]
    assert steps == [PollAgain(7)] * 49


@pytest.mark.parametrize("word", ["completed", "Succeeded"])
@pytest.mark.parametrize("late", [0, 10_000])
def test_on_task_completed_even_after_deadline_completes(word: str, late: float) -> None:
    finished = task(word, **VIDEO)
    assert wait().on_task(finished, START + late) == Completed(finished)


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
    error = error_of(wait().on_task(task(**fields), START + late))
    assert type(error) is TaskFailedError
    assert error.final
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize("word", ["expired", "cancelled", "canceled"])
def test_on_task_failed_without_reason_names_its_status(word: str) -> None:
    assert word[:6] in str(error_of(wait().on_task(task(word.title()), START)))


def test_on_task_failed_with_code_keeps_it() -> None:
    failed = task("failed", error={"code": "nsfw", "message": "not this"})
    assert error_of(wait().on_task(failed, START)).code == "nsfw"


# --- deadline


@pytest.mark.parametrize(("now", "delay"), [(START, 5), (START + 596, 4), (START + 599.5, 0.5)])
def test_poll_again_before_deadline_is_no_later_than_it(now: float, delay: float) -> None:
    assert wait().on_task(task(), now) == PollAgain(delay)
    assert again(wait().on_error(ServiceError("down"), now)).delay == delay
    assert again(wait().on_error(REFUSED[0], now)).delay == delay


@pytest.mark.parametrize("now", [START + 600, START + 600.1, START + 10**6])
def test_on_task_unfinished_at_deadline_times_out(now: float) -> None:
    error = error_of(wait().on_task(task("Pending"), now))
    assert type(error) is TaskTimeoutError
    for words in ("deadline", "pending", "paid", f"TaskSensor(poll_url='{POLL_URL}')"):
        assert words in str(error)


@pytest.mark.parametrize("error", [*PASSING, *REFUSED], ids=lambda error: error.message)
def test_on_error_at_deadline_times_out_and_names_the_error(error: LemonDataError) -> None:
    assert isinstance(wait().on_error(error, START + 599.9), PollAgain)
    timed_out = error_of(wait().on_error(error, START + 600))
    assert type(timed_out) is TaskTimeoutError
    assert error.message in str(timed_out)


def test_start_after_deadline_polls_once() -> None:
    ours = wait(timeout=-100)
    assert ours.start(START) == PollAgain(0)
    finished = task("completed", **VIDEO)
    assert ours.on_task(finished, START) == Completed(finished)


# --- passing trouble


@passing
def test_on_error_transient_never_fails(error: LemonDataError) -> None:
    ours = wait(timeout=10**9)
    steps = [ours.on_error(error, START + 100 * n) for n in range(300)]
    assert all(isinstance(step, PollAgain) for step in steps)
    assert {step.error for step in steps if isinstance(step, PollAgain)} == {error}
    assert not any(again(step).needs_confirmation or again(step).needs_fresh_connection for step in steps)


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
    ours = wait(interval, jitter=lambda: jitter)
    assert [again(ours.on_error(ServiceError("down"), START)).delay for _ in delays] == pytest.approx(delays)


def test_on_error_after_an_answer_resets_the_backoff() -> None:
    ours = wait()
    for _ in range(6):
        ours.on_error(ServiceError("down"), START)
    ours.on_task(task(), START)
    assert again(ours.on_error(ServiceError("down"), START)).delay == 5


def test_on_error_thousands_of_errors_delay_stays_at_the_maximum() -> None:
    ours = wait(timeout=10**9)
    delays = [again(ours.on_error(ServiceError("down"), START)).delay for _ in range(3000)]
    assert max(delays) == 60


@pytest.mark.parametrize(
    ("retry_after", "delay"), [(0, 5), (3, 5), (30, 31), (300, 301), (10_000, 600), (4.5, 5.5), (None, 5)]
)
def test_on_error_retry_after_is_waited_until_the_deadline(retry_after: float | None, delay: float) -> None:
    assert again(wait().on_error(RateLimitError("slow", retry_after=retry_after), START)).delay == delay


# --- not found


def test_on_error_task_not_found_twice_ten_seconds_apart_fails() -> None:
    ours = wait()
    first = again(ours.on_error(gone(), START))
    assert (first.delay, first.needs_confirmation, first.needs_fresh_connection) == (10, True, False)
    error = error_of(ours.on_error(gone(), START + 10))
    assert type(error) is TaskNotFoundError


@pytest.mark.parametrize("interval", [0.5, 5, 60])
def test_on_error_task_not_found_any_interval_polls_again_after_ten_seconds(interval: float) -> None:
    assert again(wait(interval).on_error(gone(), START)).delay == 10


@pytest.mark.parametrize("early", [0, 1, 9.75])
def test_on_error_task_not_found_again_too_early_waits_for_the_rest(early: float) -> None:
    ours = wait()
    ours.on_error(gone(), START)
    assert again(ours.on_error(gone(), START + early)).delay == 10 - early
    assert isinstance(ours.on_error(gone(), START + 10), Failed)


def test_on_error_task_not_found_clock_set_back_waits_ten_seconds_at_most() -> None:
    ours = wait()
    ours.on_error(gone(), START)
    assert 0 <= again(ours.on_error(gone(), START - 3600)).delay <= 10


@pytest.mark.parametrize(
    "between",
    [
        lambda ours: ours.on_task(task(), START + 10),
        lambda ours: ours.on_task(task("completed"), START + 10),
        lambda ours: ours.on_error(ServiceError("down"), START + 10),
        lambda ours: ours.on_error(NotFoundError("another 404"), START + 10),
        lambda ours: ours.on_error(REFUSED[0], START + 10),
    ],
    ids=["answer", "completed", "trouble", "other 404", "refused"],
)
def test_on_error_task_not_found_other_result_between_starts_over(between: Callable[[TaskPoller], PollResult]) -> None:
    ours = wait()
    ours.on_error(gone(), START)
    assert isinstance(between(ours), PollAgain)
    assert again(ours.on_error(gone(), START + 20)).delay == 10
    assert isinstance(ours.on_error(gone(), START + 30), Failed)


@pytest.mark.parametrize("now", [START + 600, START + 9999])
def test_on_error_task_not_found_at_deadline_is_confirmed_once(now: float) -> None:
    ours = wait()
    assert again(ours.on_error(gone(), now)).delay == 10
    assert type(error_of(ours.on_error(gone(), now + 10))) is TaskNotFoundError


# --- refusals


@refused
def test_on_error_access_refused_three_times_fails(error: LemonDataError) -> None:
    ours = wait(interval=7)
    for n in range(2):
        step = again(ours.on_error(error, START + 7 * n))
        assert (step.delay, step.needs_confirmation, step.needs_fresh_connection) == (7, True, True)
        assert step.error is error
    end = error_of(ours.on_error(error, START + 14))
    assert (type(end), end.message) == (type(error), error.message)


def test_on_error_access_refused_for_several_reasons_counts_together() -> None:
    ours = wait()
    assert [type(ours.on_error(error, START)) for error in REFUSED] == [PollAgain, PollAgain, Failed]


@pytest.mark.parametrize(
    "between",
    [
        lambda ours: ours.on_task(task(), START),
        lambda ours: ours.on_error(ServiceError("down"), START),
        lambda ours: ours.on_error(gone(), START),
    ],
    ids=["answer", "trouble", "not found"],
)
@refused
def test_on_error_access_refused_other_result_between_starts_over(
    error: LemonDataError, between: Callable[[TaskPoller], PollResult]
) -> None:
    ours = wait()
    for _ in range(4):
        assert isinstance(ours.on_error(error, START), PollAgain)
        assert isinstance(ours.on_error(error, START), PollAgain)
        assert isinstance(between(ours), PollAgain)


def test_needs_fresh_connection_without_refusal_is_false() -> None:
    ours = wait()
    assert not again(ours.start(START)).needs_fresh_connection
    assert not again(ours.on_task(task(), START)).needs_fresh_connection
    assert not again(ours.on_task(task("completed"), START)).needs_fresh_connection
    assert not again(ours.on_error(gone(), START)).needs_fresh_connection


# --- completed without a video


@pytest.mark.parametrize(("interval", "delay"), [(5, 5), (60, 10)])
@pytest.mark.parametrize("now", [START, START + 9999])
def test_on_task_completed_without_video_polls_three_more_times(interval: float, delay: float, now: float) -> None:
    ours = wait(interval)
    for _ in range(3):
        step = again(ours.on_task(task("completed"), now))
        assert (step.delay, step.needs_confirmation, type(step.error)) == (delay, True, MissingVideoError)
    error = error_of(ours.on_task(task("completed"), now))
    assert type(error) is MissingVideoError
    assert "t1" in str(error)


@pytest.mark.parametrize("polls", [1, 2, 3])
def test_on_task_completed_video_comes_late_completes(polls: int) -> None:
    ours = wait()
    for _ in range(polls):
        ours.on_task(task("completed"), START)
    finished = task("completed", **VIDEO)
    assert ours.on_task(finished, START) == Completed(finished)


# --- message


def test_progress_message_new_status_or_ten_percent_more_is_given() -> None:
    ours = wait()
    polls: list[tuple[str, float | None]] = [
        ("pending", None),
        ("pending", 0),
        ("processing", 0),
        ("processing", 9),
        ("processing", 10),
    ]
    polls += [("processing", 19.9), ("processing", 5), ("processing", 60), ("completed", 100), ("completed", 100)]
    assert [ours.progress_message(task(status, progress=progress), START) for status, progress in polls] == [
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
    ours = wait()
    polls = [(0, 3), (29, 4), (30, 4), (31, 5), (61, 6), (1000, 6), (2000, 5)]
    reported = [at for at, progress in polls if ours.progress_message(task(progress=progress), START + at)]
    assert reported == [0, 30, 61]


# --- any sequence at all

ANSWERS = st.sampled_from([task(), task("pending"), task("brand_new"), task("completed")])
ERRORS = st.sampled_from([*PASSING, *REFUSED, gone(), RateLimitError("slow", retry_after=1e9)])
SEEN = st.lists(st.tuples(ANSWERS | ERRORS, st.floats(0, 30)), min_size=1, max_size=12)
MARGIN = 100.0  # seconds after the deadline: four looks for a video, each followed by a doubt


def polls(ours: TaskPoller, seen: Iterator[tuple[Task | LemonDataError, float]]) -> Iterator[tuple[float, PollResult]]:
    """Wait as the trigger does; each poll takes some seconds of its own."""
    now = START
    step: PollResult = ours.start(START)
    while isinstance(step, PollAgain):
        what, seconds = next(seen)
        now += step.delay + seconds
        step = ours.on_task(what, now) if isinstance(what, Task) else ours.on_error(what, now)
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
    ours = wait(interval, timeout, jitter=itertools.cycle(jitters).__next__)
    latency = 30.0
    steps = list(itertools.islice(polls(ours, itertools.cycle(seen)), 10_000))
    end, last = steps[-1]
    assert isinstance(last, (Completed, Failed))
    assert all(step.delay >= 0 for _, step in steps if isinstance(step, PollAgain))
    assert end <= max(ours.wait.deadline, START) + MARGIN + 9 * latency
    assert len(steps) <= (end - START) / min(interval, 10.0) + 3


@given(seen=SEEN, interval=st.floats(0.5, 120))
@settings(deadline=None)
def test_task_poller_any_sequence_fails_before_deadline_for_final_errors_only(
    seen: list[tuple[Any, float]], interval: float
) -> None:
    ours = wait(interval, timeout=1e7)
    kinds = (TaskNotFoundError, MissingVideoError, AuthenticationError, AccessDeniedError, ConfigurationError)
    for now, step in itertools.islice(polls(ours, itertools.cycle(seen)), 100):
        if isinstance(step, Failed) and now < ours.wait.deadline:
            assert isinstance(step.error, kinds)


# --- what the forecast tells


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


def test_last_task_before_first_answer_is_none() -> None:
    ours = wait()
    assert (ours.last_task, ours.created) == (None, None)
    ours.on_error(ServiceError("down"), START)
    assert ours.last_task is None
    first = task()
    ours.on_task(first, START)
    assert ours.last_task is first


def test_start_with_forecast_waits_for_the_first_ends_of_the_model() -> None:
    assert again(informed().start(START)).delay == 100
    assert again(informed().start(START + 30)).delay == 70
    assert again(informed().start(START + 99)).delay == 5
    assert again(informed(created=None).start(START)).delay == 5
    assert again(informed(ends=3).start(START)).delay == 5


@pytest.mark.parametrize("ahead", [1, 3600, 1e9])
def test_start_created_in_the_future_counts_as_now(ahead: float) -> None:
    assert again(informed(created=START + ahead).start(START)).delay == 100


def test_start_without_forecast_and_shared_rate_limit_waits_longer() -> None:
    assert again(wait().start(START, round_seconds=0.3)).delay == 9
    assert again(wait().start(START, round_seconds=1000)).delay == 12
    assert again(wait(timeout=10).start(START, round_seconds=6)).delay == 10


def test_on_task_trusted_progress_polls_at_the_predicted_end() -> None:
    ours = informed()
    step = again(ours.on_task(task(progress=94, created=START), START + 47))
    assert step.delay == pytest.approx(3)
    assert step.predicted


def test_on_task_predicted_end_after_deadline_polls_at_the_deadline() -> None:
    ours = informed(timeout=70)
    assert again(ours.on_task(task(progress=60), START + 60)).delay == 10


def test_created_unknown_is_read_from_the_answer() -> None:
    answer = task(created=START - 50)
    ours, theirs = wait(), informed()
    for each in (ours, theirs):
        each.on_task(answer, START)
    assert (ours.created, theirs.created) == (START - 50, START)
    ahead = wait()
    ahead.on_task(task(created=START + 50), START)
    assert ahead.created == START


def test_min_interval_below_poll_interval_is_used_unless_after_an_error() -> None:
    ours = informed(pause=2)
    assert again(ours.on_task(task(), START)).delay == 2
    assert again(ours.on_error(ServiceError("down"), START)).delay >= 5


def test_on_task_short_interval_near_end_is_not_made_longer() -> None:
    ours = TaskPoller(TaskWait("t1", POLL_URL, "c", START + 600, 0.2, created=START))
    assert again(ours.on_task(task(progress=99.9), START + 10)).delay == 0.2
