"""When a call is sent again, and after how long."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.errors import (
    AnswerLostError,
    ConnectionFailedError,
    LemonDataError,
    MissingTaskError,
    RateLimitError,
    ServiceError,
)
from lemondata_provider.api.retry import backoff, is_retryable
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from tests.api.doubles import AUTHORIZED, HTML, KEY, NO_CHANNELS, OK, POLL, SUBMIT, every_method, refuses, says, writes

NEVER_OPENED = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout]
LOST = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
]
SERVICE_TROUBLE = [refuses(status) for status in (408, 499, 500, 502, 503, 504, 520)]
UNREADABLE = [HTML, says(200, ""), says(200, [1]), says(302, "")]
REFUSED_FOR_NOW = [refuses(429), refuses(429, "rate_limit_exceeded"), says(429, "<b>slow</b>"), NO_CHANNELS]
FINAL = [refuses(status) for status in (400, 401, 402, 403, 404, 409, 413, 422)]


def describe(step: Any) -> str:
    if isinstance(step, type):
        return step.__name__
    return f"{step['status_code']} {step.get('json') or step.get('content') or ''}"[:60]


@pytest.mark.parametrize(
    "trouble", [*NEVER_OPENED, *LOST, *SERVICE_TROUBLE, *UNREADABLE, *REFUSED_FOR_NOW], ids=describe
)
def test_send_read_after_transient_error_retries(send: Any, service: Any, trouble: Any) -> None:
    lemondata = service(trouble, trouble, OK)
    assert send(lemondata, POLL).id == "t1"
    assert len(lemondata.requests) == 3
    assert len(send.slept) == 2


@pytest.mark.parametrize("answer", FINAL, ids=describe)
@every_method
def test_send_final_error_is_not_retried(send: Any, service: Any, call: calls.Call[Any], answer: Any) -> None:
    lemondata = service(answer, OK)
    assert send.error(lemondata, call).final
    assert (len(lemondata.requests), send.slept) == (1, [])


@pytest.mark.parametrize("trouble", [*NEVER_OPENED, *REFUSED_FOR_NOW], ids=describe)
@writes
def test_send_write_not_accepted_by_the_service_retries(
    send: Any, service: Any, call: calls.Call[Any], trouble: Any
) -> None:
    lemondata = service(trouble, trouble, OK)
    assert send(lemondata, call).id == "t1"
    assert len(lemondata.requests) == 3
    assert len({request.content for request in lemondata.requests}) == 1
    assert lemondata.keys == [AUTHORIZED] * 3


@pytest.mark.parametrize(
    "trouble",
    [
        *LOST,
        *SERVICE_TROUBLE,
        *UNREADABLE,
        refuses(500, "all_channels_failed", retryable=True),
        refuses(502, "all_channels_failed", retryable=True),
        refuses(503, "all_channels_failed"),
        refuses(503, "all_channels_failed", retryable=False),
        refuses(503, "all_channels_failed", retryable="true"),
        refuses(503, "all_channels_failed", retryable=1),
        refuses(503, "overloaded", "1", retryable=True),
        refuses(503, None, "1"),
        refuses(500, "model_not_found"),
        says(200, '{"id": "t1"'),
        says(204, ""),
    ],
    ids=describe,
)
@writes
def test_send_write_with_unknown_outcome_is_not_retried(
    send: Any, service: Any, call: calls.Call[Any], trouble: Any
) -> None:
    lemondata = service(trouble, OK)
    error = send.error(lemondata, call)
    assert (len(lemondata.requests), send.slept) == (1, [])
    no_channels = error.status == 503 and error.code == "all_channels_failed"
    assert classify_submit_error(error) is (SubmitOutcome.REFUSED if no_channels else SubmitOutcome.UNKNOWN)


def test_send_submit_answered_without_task_is_not_retried(send: Any, service: Any) -> None:
    lemondata = service(says(200, {}), OK)
    assert type(send.error(lemondata, SUBMIT)) is MissingTaskError
    assert len(lemondata.requests) == 1


def test_send_read_with_retryable_false_is_not_retried(send: Any, service: Any) -> None:
    lemondata = service(refuses(503, "all_channels_failed", retryable=False), OK)
    assert type(send.error(lemondata, POLL)) is ServiceError
    assert len(lemondata.requests) == 1


@pytest.mark.parametrize("trouble", [*NEVER_OPENED, *LOST, *FINAL, *SERVICE_TROUBLE, *REFUSED_FOR_NOW], ids=describe)
@every_method
def test_send_once_any_error_sends_one_request(send: Any, service: Any, call: calls.Call[Any], trouble: Any) -> None:
    lemondata = service(trouble, OK)
    send.error(lemondata, call, once=True)
    assert (len(lemondata.requests), send.slept) == (1, [])


@pytest.mark.parametrize(
    ("broken", "cls", "judged"),
    [
        *((broken, ConnectionFailedError, SubmitOutcome.NOT_SENT) for broken in [*NEVER_OPENED, httpx.ProxyError]),
        *((broken, AnswerLostError, SubmitOutcome.UNKNOWN) for broken in LOST),
    ],
)
def test_send_once_transport_error_says_whether_the_request_was_sent(
    send: Any, service: Any, broken: Any, cls: type[LemonDataError], judged: SubmitOutcome
) -> None:
    error = send.error(service(broken), POLL, once=True)
    assert type(error) is cls
    assert classify_submit_error(error) is judged
    assert broken.__name__ in str(error)
    assert (error.task_id, error.poll_url) == ("t1", "/v1/tasks/t1")


@every_method
@pytest.mark.parametrize("trouble", [httpx.ConnectError, refuses(429), NO_CHANNELS], ids=describe)
def test_send_lasting_error_stops_after_a_minute(send: Any, service: Any, call: calls.Call[Any], trouble: Any) -> None:
    lemondata = service(trouble)
    error = send.error(lemondata, call)
    assert isinstance(error, (ConnectionFailedError, RateLimitError, ServiceError))
    assert 20 < sum(send.slept) <= 60
    assert len(lemondata.requests) == len(send.slept) + 1
    assert 4 <= len(lemondata.requests) <= 10
    assert all(0.5 <= seconds <= 24 for seconds in send.slept)
    assert send.slept[0] < 1.5 < max(send.slept)


@every_method
def test_send_retry_after_sleeps_at_least_as_long(send: Any, service: Any, call: calls.Call[Any]) -> None:
    lemondata = service(refuses(429, retry_after="7"), refuses(503, "all_channels_failed", "3", retryable=True), OK)
    send(lemondata, call)
    assert 7 <= send.slept[0] <= 7 + 7
    assert 3 <= send.slept[1] <= 3 + 3


@every_method
def test_send_retries_exhausted_raises_the_last_error_with_retry_after(
    send: Any, service: Any, call: calls.Call[Any]
) -> None:
    lemondata = service(refuses(429, retry_after="25"))
    error = send.error(lemondata, call)
    assert type(error) is RateLimitError
    assert error.retry_after == 25
    assert len(lemondata.requests) in (2, 3)
    assert 25 <= sum(send.slept) <= 60


@every_method
@pytest.mark.parametrize("asked", ["61", "3600", "1e300"])
def test_send_retry_after_over_a_minute_raises_without_sleeping(
    send: Any, service: Any, call: calls.Call[Any], asked: str
) -> None:
    lemondata = service(refuses(429, retry_after=asked))
    error = send.error(lemondata, call)
    assert error.retry_after == float(asked)
    assert (len(lemondata.requests), send.slept) == (1, [])


def test_send_retry_is_logged_without_the_key(send: Any, service: Any, caplog: pytest.LogCaptureFixture) -> None:
    send(service(refuses(429, hint=f"key {KEY}"), OK), SUBMIT)
    (record,) = caplog.records
    assert "LemonData answered 429" in record.getMessage()
    assert "POST again in" in record.getMessage()
    assert KEY not in record.getMessage()


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 16.0), (100, 16.0)]
)
def test_backoff_each_attempt_doubles_up_to_16_seconds_with_jitter(attempt: int, seconds: float) -> None:
    error = AnswerLostError("reset")
    assert backoff(attempt, error, jitter=lambda: 0.0) == seconds * 0.5
    assert backoff(attempt, error, jitter=lambda: 0.5) == seconds
    assert backoff(attempt, None, jitter=lambda: 1.0) == seconds * 1.5
    assert backoff(attempt, RateLimitError("slow", retry_after=1), jitter=lambda: 0.5) == 1 + seconds / 2


def test_backoff_retry_after_is_waited_with_jitter_on_top() -> None:
    error = RateLimitError("slow", retry_after=30)
    assert backoff(1, error, jitter=lambda: 0.0) == 30
    assert backoff(1, error, jitter=lambda: 1.0) == 46
    assert len({backoff(1, error) for _ in range(100)}) > 90


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), httpx.ReadTimeout("x")])
@every_method
def test_is_retryable_foreign_error_is_false(call: calls.Call[Any], error: BaseException) -> None:
    assert not is_retryable(call, error)


def test_send_foreign_error_is_raised_unchanged(send: Any) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send(broken, POLL)
