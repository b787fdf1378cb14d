"""The error that an answer becomes: its class, message, hints and retry_after."""

from __future__ import annotations

import pickle
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.error_response import error_from
from lemondata_provider.api.errors import (
    AccessDeniedError,
    APIError,
    AuthenticationError,
    BadRequestError,
    InsufficientBalanceError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TaskNotFoundError,
)
from tests.api.doubles import DATA_URL, PAYLOAD, SECRET

NOW = 1_700_000_000.0


def read(status: int, body: Any = None, header: str | None = None) -> APIError:
    return error_from(status, {"retry-after": header} if header is not None else {}, body, now=NOW)


@pytest.mark.parametrize(
    ("status", "code", "cls"),  # the documented codes are in test_documented_rows.py
    [
        (400, None, BadRequestError),
        (404, "something_else", NotFoundError),
        (404, None, NotFoundError),
        (405, None, BadRequestError),
        (408, "request_timeout", ServiceError),
        (422, None, BadRequestError),
        (429, None, RateLimitError),
        (418, None, BadRequestError),
        (499, None, ServiceError),
        (520, None, ServiceError),
        (599, None, ServiceError),
        (999, None, ServiceError),
    ],
)
def test_error_from_status_and_code_choose_the_class(status: int, code: str | None, cls: type[APIError]) -> None:
    error = read(status, {"error": {"message": "why", "code": code}})
    assert type(error) is cls
    assert (error.status, error.code) == (status, code)


@pytest.mark.parametrize("code", ["async_task_not_found", "model_not_found"])
@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (401, AuthenticationError),
        (402, InsufficientBalanceError),
        (403, AccessDeniedError),
        (429, RateLimitError),
        (500, ServiceError),
        (502, ServiceError),
        (503, ServiceError),
    ],
)
def test_error_from_code_of_another_status_follows_the_status(code: str, status: int, cls: type[APIError]) -> None:
    assert type(read(status, {"error": {"code": code}})) is cls


@pytest.mark.parametrize(("retryable", "final"), [(True, False), (False, True), (None, False), ("no", False)])
def test_final_retryable_false_in_answer_is_true(retryable: object, final: bool) -> None:
    assert read(503, {"error": {"code": "all_channels_failed", "retryable": retryable}}).final is final


# --- what the answer said


def test_error_from_message_code_and_param_are_kept() -> None:
    error = read(400, {"error": {"message": "Bad fps", "type": "t", "code": "invalid_request_error", "param": "fps"}})
    assert str(error) == "LemonData answered 400 invalid_request_error: Bad fps"
    assert (error.message, error.param, error.hints) == (str(error), "fps", {})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": "all is lost"}, "all is lost"),
        ({"message": "at the top"}, "at the top"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"error": {"detail": "inside"}}, "inside"),
        ({"error": None, "message": "beside"}, "beside"),
        ({"error": {"message": ["too dark", {"msg": "too long"}]}}, "too dark; too long"),
        ({"detail": [{"loc": ["body", "fps"], "msg": "too high"}]}, "too high"),
        ({"error": {"fail_reason": "moderation"}}, "moderation"),
        ({"msg": "in short"}, "in short"),
        ({"error": {"message": None}}, 'no reason given; the answer held {"error": {"message": null}}'),
        ({"error": {"message": {"a": 1}}}, 'no reason given; the answer held {"error": {"message": {"a": 1}}}'),
        ({"error": []}, 'no reason given; the answer held {"error": []}'),
        ({}, "no reason given; the answer held {}"),
        ([1], "no reason given; the answer held [1]"),
        (7, "no reason given; the answer held 7"),
        (None, "no reason given; the answer held null"),
        ("", "an empty body"),
        (" \n ", "an empty body"),
        ("<html><head><title>502</title></head><body>Bad\n<b>Gateway</b></body></html>", "'502 Bad Gateway'"),
        ("upstream\nrequest timeout", "'upstream request timeout'"),
    ],
)
def test_error_from_body_of_any_shape_has_a_readable_reason(body: object, reason: str) -> None:
    assert read(502, body).message.endswith(reason)


@pytest.mark.parametrize("body", [{"error": "gone", "code": "async_task_not_found"}, {"code": "async_task_not_found"}])
def test_error_from_code_and_hints_outside_the_error_are_read(body: dict[str, Any]) -> None:
    error = read(404, {**body, "hint": "poll elsewhere"})
    assert type(error) is TaskNotFoundError
    assert "Hint: poll elsewhere." in str(error)


def test_error_from_long_proxy_page_is_shortened() -> None:
    assert len(str(read(502, "<p>" + "very long " * 10_000))) < 400


def test_error_from_page_of_brackets_takes_linear_time() -> None:
    started = time.process_time()  # seconds where the time grows with the square of the length
    assert isinstance(read(502, "<" * 100_000), ServiceError)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("wrong", [5, True, [], {}, ["x"], None, ""])
@pytest.mark.parametrize("field", ["code", "param", "message"])
def test_error_from_field_of_wrong_type_counts_as_missing(field: str, wrong: object) -> None:
    error = read(400, {"error": {"message": "why", field: wrong}})
    assert type(error) is BadRequestError
    assert (error.code, error.param) == (None, None)


@pytest.mark.parametrize(
    ("hints", "sentence"),
    [
        ({"did_you_mean": "sora-2"}, "Did you mean 'sora-2'?"),
        ({"suggestions": [{"id": "sora-2"}, {"id": "veo3"}]}, "Suggestions: sora-2, veo3."),
        ({"suggestions": ["sora-2", 5]}, "Suggestions: sora-2, 5."),
        ({"alternatives": [{"id": "kling-2", "status": "available"}]}, "Alternatives: kling-2."),
        ({"alternatives": [{"name": "x"}]}, "Alternatives: {'name': 'x'}."),
        ({"hint": "Use an https URL."}, "Hint: Use an https URL."),
        ({"balance_usd": 0.12, "estimated_cost_usd": "1.50"}, "Balance: 0.12 USD. Estimated cost: 1.50 USD."),
        ({"balance_usd": 0}, "Balance: 0 USD."),
        ({"balance_usd": 0.0}, "Balance: 0.0 USD."),
        ({"supported_operations": ["text-to-video"]}, "Supported operations: text-to-video."),
        ({"supported_parameters": ["prompt", "fps"]}, "Supported parameters: prompt, fps."),
        ({"allowed_durations": [5, 10]}, "Allowed durations: 5, 10."),
        ({"allowed_durations": {"min": 1}}, "Allowed durations: {'min': 1}."),
        ({"allowed_resolutions": ["720p"]}, "Allowed resolutions: 720p."),
        ({"allowed_aspect_ratios": ["16:9"]}, "Allowed aspect ratios: 16:9."),
    ],
)
def test_error_from_hints_become_sentences(hints: dict[str, Any], sentence: str) -> None:
    error = read(400, {"error": {"message": "no", **hints}})
    assert str(error) == f"LemonData answered 400: no {sentence}"
    assert error.hints == hints


@pytest.mark.parametrize("empty", [None, "", []])
def test_error_from_empty_hint_is_left_out(empty: object) -> None:
    assert str(read(400, {"error": {"message": "no", "did_you_mean": empty, "suggestions": empty}})).endswith(": no")


def test_error_from_unknown_hints_are_kept() -> None:
    hints = {"recommended_request": {"model": "sora-2"}, "retryable": False, "brand_new": 1}
    assert read(400, {"error": {"message": "no", "type": "t", **hints}}).hints == hints


# --- retry_after


@pytest.mark.parametrize(
    ("header", "field", "seconds"),
    [
        ("30", None, 30.0),
        ("1.5", None, 1.5),
        (" 7 ", None, 7.0),
        ("0", None, 0.0),
        ("-5", None, 0.0),
        (formatdate(NOW + 90, usegmt=True), None, 90.0),
        (formatdate(NOW + 90, usegmt=True).replace("GMT", "-0000"), None, 90.0),
        (formatdate(NOW - 90, usegmt=True), None, 0.0),
        (None, 12, 12.0),
        (None, 0.25, 0.25),
        (None, "15", 15.0),
        (None, formatdate(NOW + 5, usegmt=True), 5.0),
        (None, -1, 0.0),
        ("20", 5, 20.0),
        ("soon", 5, 5.0),
        ("inf", 5, 5.0),
        ("soon", "later", None),
        ("", None, None),
        ("nan", None, None),
        ("Infinity", None, None),
        ("1e999", None, None),
        ("Wed, 99 Oct 2030 07:28:00 GMT", None, None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None, None),
        ("Wed, 21 Oct 2015 99999999999:28:00 GMT", None, None),
        (None, True, None),
        (None, [5], None),
        (None, {"seconds": 5}, None),
        (None, float("nan"), None),
        (None, float("inf"), None),
        (None, 10**400, None),
        (None, None, None),
    ],
)
def test_retry_after_in_header_or_body_is_seconds_or_a_date(
    header: str | None, field: object, seconds: float | None
) -> None:
    assert read(429, {"error": {"retry_after": field}}, header).retry_after == seconds


def test_retry_after_in_header_of_a_proxy_page_is_read() -> None:
    assert read(503, "<h1>Down</h1>", "120").retry_after == 120


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400)])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
DATE_LIKE = st.lists(
    st.sampled_from(["Wed,", "21", "Oct", "2015", "07:28:00", "GMT", "+9999", "-", ":", "10000000000000000000", "07:"]),
    max_size=7,
).map(" ".join)


@given(value=JSON_VALUES | DATE_LIKE)
@settings(deadline=None)
def test_retry_after_any_value_is_finite_seconds_or_none(value: object) -> None:
    seconds = read(429, {"retry_after": value}, value if isinstance(value, str) else None).retry_after
    assert seconds is None or 0 <= seconds < float("inf")


KNOWN = ("message", "type", "code", "param", "detail", "did_you_mean", "suggestions", "alternatives", "hint")
ERROR_OBJECTS = st.dictionaries(st.sampled_from([*KNOWN, "retryable", "balance_usd"]) | TEXTS, JSON_VALUES, max_size=6)


@given(
    status=st.integers(400, 599),
    body=JSON_VALUES | ERROR_OBJECTS | ERROR_OBJECTS.map(lambda error: {"error": error}),
)
@settings(deadline=None)
def test_error_from_any_body_returns_an_error(status: int, body: object) -> None:
    error = read(status, body)
    assert str(error).startswith(f"LemonData answered {status}")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 # because it is ours


@pytest.mark.parametrize("field", ["message", "code", "param", "hint", "did_you_mean"])
@pytest.mark.parametrize(("text", "hidden"), [(SECRET, SECRET), (DATA_URL, PAYLOAD)], ids=["key", "data"])
def test_error_from_answer_quoting_key_or_media_shows_neither(
    field: str, text: str, hidden: str, everything_shown: Any
) -> None:
    assert hidden not in everything_shown(read(400, {"error": {field: f"bad: '{text}'"}}))
    assert hidden not in everything_shown(read(502, f"<p>bad: {text}</p>"))
