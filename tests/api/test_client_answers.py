"""What the client makes of an answer."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import (
    AnswerLostError,
    BadRequestError,
    LemonDataError,
    MissingTaskError,
    UnreadableAnswerError,
)
from lemondata_provider.api.task import Task
from tests.api.doubles import CANCEL, DATA_URL, KEY, PAYLOAD, POLL, SUBMIT, every_method, refuses, says

# --- what an answer means


@pytest.mark.parametrize(
    "body",
    [
        "",
        "   ",
        "null",
        "true",
        "7",
        '"t1"',
        "[]",
        '[{"id": "t1"}]',
        "{",
        '{"id": "t1"',
        "<html><body>Welcome</body></html>",
        b"\xff\xfe\x00",
        "[" * 100_000,
        '{"a": ' * 5000,
    ],
    ids=repr,
)
@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_answer_success_without_json_object_is_unreadable(send: Any, service: Any, status: int, body: Any) -> None:
    error = send.error(service(says(status, body, content_type="text/odd")), POLL, once=True)
    assert type(error) is UnreadableAnswerError
    assert str(status) in str(error)
    assert "text/odd" in str(error)
    assert len(str(error)) < 1200
    assert (error.task_id, error.poll_url) == ("t1", "/v1/tasks/t1")


@pytest.mark.parametrize("status", [200, 201, 202, 203])
def test_answer_any_success_status_with_a_task_returns_it(send: Any, service: Any, status: int) -> None:
    assert send(service(says(status, {"id": "t1"})), SUBMIT, once=True).id == "t1"


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"id": "t1", "model": "\xc3\xa9"}',
        b' \n{"id": "t1", "model": "\xc3\xa9"}\n',
        b'{"id": "t1", "model": "\\u00e9"}',
    ],
    ids=["byte order mark", "white space", "escapes"],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "text/plain; charset=utf-8", ""])
def test_answer_json_in_any_encoding_and_content_type_is_read(
    send: Any, service: Any, content: bytes, content_type: str
) -> None:
    task = send(service(says(200, content, content_type=content_type)), SUBMIT, once=True)
    assert (task.id, task.model) == ("t1", "é")


@pytest.mark.parametrize("charset", ["hex", "rot13", "base64", "zlib", "idna", "punycode", "utf-7", "nonsense", "\x00"])
def test_answer_unknown_charset_still_returns_the_task(send: Any, service: Any, charset: str) -> None:
    answer = says(200, b'{"id": "t1"}', content_type=f"application/json; charset={charset}")
    assert send(service(answer), SUBMIT, once=True).id == "t1"


def test_answer_compressed_is_read_and_corrupt_raises_answer_lost(send: Any, service: Any) -> None:
    packed = gzip.compress(b'{"id": "t1"}')
    assert send(service(says(200, packed, content_encoding="gzip")), SUBMIT).id == "t1"
    lemondata = service(says(200, b"garbage", content_encoding="gzip"))
    assert type(send.error(lemondata, SUBMIT)) is AnswerLostError
    assert len(lemondata.requests) == 1


def test_answer_to_submit_without_task_raises_missing_task(send: Any, service: Any, everything_shown: Any) -> None:
    body = {"note": DATA_URL, "key": KEY, "more": "x" * 500}
    lemondata = service(says(200, body))
    error = send.error(lemondata, SUBMIT)
    assert type(error) is MissingTaskError
    assert "note" in str(error)
    assert len(lemondata.requests) == 1
    shown = everything_shown(error)
    assert KEY not in shown
    assert PAYLOAD not in shown


@pytest.mark.parametrize("answer", [refuses(400, "invalid_request_error"), refuses(409), says(418, "<b>teapot</b>")])
@every_method
def test_answer_bad_request_raises_with_its_status(send: Any, service: Any, call: calls.Call[Any], answer: Any) -> None:
    lemondata = service(answer)
    error = send.error(lemondata, call)
    assert type(error) is BadRequestError
    assert error.status == answer["status_code"]
    assert len(lemondata.requests) == 1


def test_answer_retry_after_in_header_date_or_body_is_read(send: Any, service: Any) -> None:
    for answer in (refuses(429, retry_after="90"), refuses(429, None, None, retryable=True)):
        assert send.error(service(answer), SUBMIT, once=True).retry_after in (90, None)
    body = says(429, {"error": {"retry_after": 75}})
    assert send.error(service(body), SUBMIT, once=True).retry_after == 75
    later = datetime.now(timezone.utc) + timedelta(seconds=100)
    dated = refuses(429, retry_after=later.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    assert 90 <= send.error(service(dated), SUBMIT, once=True).retry_after <= 100


@pytest.mark.parametrize("depth", [100, 400, 700, 950])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_answer_deeply_nested_json_raises_lemondata_error(send: Any, service: Any, depth: int, status: int) -> None:
    body = '{"error": {"message": "no", "hint": ' + "[" * depth + "]" * depth + "}}"
    error = send.error(service(says(status, body)), SUBMIT, once=True)
    assert str(error)


@pytest.mark.parametrize(
    "body",
    ['{"error": {"message": "cut \\ud83d", "hint": "\\udc00"}}', '{"error": "\\ud83d"}', '{"\\ud83d": "\\ud83d"}'],
)
@pytest.mark.parametrize("status", [200, 400, 502])
def test_answer_lone_surrogate_in_an_error_can_be_logged(send: Any, service: Any, status: int, body: str) -> None:
    error = send.error(service(says(status, body)), SUBMIT, once=True)
    assert str(error).encode()
    assert json.dumps(error.to_dict(), ensure_ascii=False).encode()


def test_answer_lone_surrogate_in_a_task_is_kept(send: Any, service: Any) -> None:
    body = '{"id": "t1", "status": "failed", "error": "cut \\ud83d", "model": "\\ud83d", "video_url": "x\\ud83d"}'
    for call in (SUBMIT, POLL):
        task = send(service(says(200, body)), call, once=True)
        assert task.error.message.startswith("cut ")
        assert json.dumps(task.result(), ensure_ascii=False).encode()


# --- any answer at all


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "url", "x"]), inner),
    max_leaves=6,
)
NAMES = ["id", "task_id", "poll_url", "error", "message", "code", "status", "videos", "data", "currency", "retry_after"]
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON))
BODIES = st.binary(max_size=40) | (OBJECTS | JSON).map(lambda value: json.dumps(value).encode())
CALLS = [
    SUBMIT,
    POLL,
    CANCEL,
    calls.list_models(),
    calls.get_model("m"),
    calls.get_pricing(),
    calls.get_model_pricing("m"),
]


@given(
    call=st.sampled_from(CALLS),
    status=st.sampled_from([200, 202, 204, 302, 400, 401, 404, 429, 500, 503]),
    body=BODIES,
    content_type=st.sampled_from(["application/json", "text/html; charset=latin-1", "x", "text/x; charset=utf-16"]),
    retry_after=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8),
)
@settings(deadline=None, max_examples=120)
def test_answer_arbitrary_bytes_returns_or_raises_lemondata_error(
    call: calls.Call[Any], status: int, body: bytes, content_type: str, retry_after: str
) -> None:
    headers = {"content-type": content_type, "retry-after": retry_after}
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers=headers))
    with Client(KEY, transport=transport) as client:
        try:
            found = client.send_once(call)
        except LemonDataError as error:
            assert str(error).encode()  # noqa: PT017  # either outcome is right, but no other error
        else:
            assert not isinstance(found, Task) or json.dumps(found.result(), ensure_ascii=False).encode()


@pytest.mark.parametrize("character", ["\\u0000", "\\u0001", "\\u001b", "\\u007f", "\\ud800"])
def test_send_answer_with_a_control_character_becomes_storable(send: Any, service: Any, character: str) -> None:
    body = (
        '{"id": "t1", "status": "completed", "model": "a%b", "x%": ["%"],'
        ' "video_url": "https://x.test/%v.mp4", "videos": [{"url": "https://x.test/%w.mp4"}]}'
    ).replace("%", character)
    task = send(service({"status_code": 200, "text": body}), POLL)
    stored = json.dumps([task.result(), task.raw])
    assert "\\u0000" not in stored
    assert character not in stored
    assert task.result()["status"] == "completed"


def test_send_error_with_a_control_character_becomes_storable(send: Any, service: Any) -> None:
    body = '{"error": {"message": "no\\u0000 way", "code": "x\\u0000", "hint": {"deep": "\\u0000"}}}'
    error = send.error(service({"status_code": 400, "text": body}), POLL)
    assert "\\u0000" not in json.dumps(error.to_dict())
    assert "no way" in error.message
