from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider import __version__
from lemondata_provider.api import calls
from lemondata_provider.api.auth import checked_key
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.errors import (
    AnswerLostError,
    APIError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    LemonDataError,
    MissingTaskError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TaskNotFoundError,
    UnreadableAnswerError,
)
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.retry import backoff, is_retryable
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.task import Task, TaskStatus
from lemondata_provider.api.wire import LIMITS, ssl_context

BASE = "https://api.lemondata.cc"
CANONICAL = f"{BASE}/v1/tasks/t1"
KEY = "lemon.key/of+this=client"
AUTHORIZED = f"Bearer {KEY}"
PAYLOAD = "iVBORw0KGgoAAAANSUhEUgAAAAUA"

SUBMIT = calls.submit_video(
    VideoRequest.checked(model="sora-2", prompt="a cat", image=f"data:image/png;base64,{PAYLOAD}")
)
LOOK = calls.get_task("/v1/tasks/t1")
CANCEL = calls.cancel_task("t1")
writes = pytest.mark.parametrize("call", [SUBMIT, CANCEL], ids=["POST", "DELETE"])
every_method = pytest.mark.parametrize("call", [SUBMIT, LOOK, CANCEL], ids=["POST", "GET", "DELETE"])


def says(status: int, body: Any = None, **headers: str) -> dict[str, Any]:
    """Return the arguments of an answer: JSON, or a text as it is."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, (str, bytes)):
        return {"status_code": status, "content": body, "headers": headers}
    return {"status_code": status, "json": body, "headers": headers}


def refuses(status: int, code: str | None = None, retry_after: str | None = None, **hints: Any) -> dict[str, Any]:
    headers = {} if retry_after is None else {"retry_after": retry_after}
    return says(status, {"error": {"message": "no", "code": code, **hints}}, **headers)


OK = says(200, {"id": "t1", "status": "processing"})
HTML = says(200, "<html>Welcome</html>", content_type="text/html")
NO_CHANNELS = refuses(503, "all_channels_failed", retryable=True)


# --- what is sent


def test_client_submit_sends_one_json_post_with_key_and_user_agent(send: Any, service: Any) -> None:
    lemondata = service(says(200, {"id": "t1", "status": "pending", "poll_url": "/v1/tasks/t1"}))
    task = send(lemondata, SUBMIT)
    assert (task.id, task.poll_url, task.status) == ("t1", "/v1/tasks/t1", TaskStatus.PENDING)
    (request,) = lemondata.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/v1/videos/generations")
    assert json.loads(request.content) == SUBMIT.body
    assert request.headers["Authorization"] == AUTHORIZED
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"airflow-provider-lemondata/{__version__}"


def test_client_prompt_outside_ascii_is_sent_unchanged(send: Any, service: Any) -> None:
    lemondata = service(OK)
    send(lemondata, calls.submit_video(VideoRequest.checked(model="sora-2", prompt="비 오는 서울 🎬", seed=2**63 + 1)))
    assert json.loads(lemondata.requests[0].content) == {
        "model": "sora-2",
        "prompt": "비 오는 서울 🎬",
        "seed": 2**63 + 1,
    }


@pytest.mark.parametrize("call", [LOOK, CANCEL, calls.get_model("a/b"), calls.get_pricing("a b")])
def test_client_call_without_body_sends_none(send: Any, service: Any, call: calls.Call[Any]) -> None:
    lemondata = service(says(200, {"id": "t1"}))
    send(lemondata, call)
    (request,) = lemondata.requests
    assert (request.method, request.content) == (call.method, b"")


@pytest.mark.parametrize(
    ("call", "raw_path"),
    [
        (calls.list_models(), b"/v1/models?category=video"),
        (calls.list_models(None), b"/v1/models"),
        (calls.get_model("org/name"), b"/v1/models/org%2Fname"),
        (calls.get_pricing("a b&c"), b"/v1/pricing?model=a+b%26c"),
        (calls.get_pricing(), b"/v1/pricing"),
        (calls.get_task(None, "a/b"), b"/v1/tasks/a%2Fb"),
    ],
)
def test_client_path_and_query_are_percent_encoded(
    send: Any, service: Any, call: calls.Call[Any], raw_path: bytes
) -> None:
    lemondata = service(says(200, {"id": "t1"}))
    send(lemondata, call)
    assert lemondata.requests[0].url.raw_path in (raw_path, raw_path.replace(b"+", b"%20"))


def test_user_agent_given_is_sent(send: Any, service: Any) -> None:
    lemondata = service(OK)
    send(lemondata, LOOK, user_agent="mine/1 apache-airflow/3")
    assert lemondata.requests[0].headers["User-Agent"] == "mine/1 apache-airflow/3"


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("api.lemondata.cc/v1/", BASE),
        ("HTTPS://API.lemondata.cc:443", BASE),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
        ("https://gw.test/lemon/v1", "https://gw.test/lemon"),
    ],
)
def test_base_url_any_spelling_gets_the_key(send: Any, service: Any, base_url: str, root: str) -> None:
    lemondata = service(OK)
    send(lemondata, SUBMIT, base_url=base_url)
    send(lemondata, LOOK, base_url=base_url)
    assert lemondata.urls == [f"{root}/v1/videos/generations", f"{root}/v1/tasks/t1"]
    assert lemondata.keys == [AUTHORIZED] * 2


def test_base_url_host_outside_ascii_is_refused_or_gets_the_key(send: Any, service: Any) -> None:
    lemondata = service(OK)
    try:
        send(lemondata, LOOK, base_url="https://bücher.example")
    except ConfigurationError as error:
        assert "bücher.example" in str(error)  # noqa: PT017  # either is right, but not to go without the key
    else:
        assert lemondata.keys == [AUTHORIZED]


@pytest.mark.parametrize(
    "key", ["", " ", "sk-a b", "sk-a\n", "\tsk-a", "sk-\u00e9", "\uff53k-a", "sk-a\x00", "sk-a\x7f"]
)
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_api_key_not_sendable_is_refused_and_not_shown(client: Callable[..., Any], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client(key, transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    assert "API key" in str(caught.value)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-abc", "x", "a.b/c+d=~"])
def test_checked_key_printable_ascii_is_accepted(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize("base_url", ["", "ftp://x", "https://user:pw@api.lemondata.cc"])
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_base_url_unusable_is_refused_by_the_constructor(client: Callable[..., Any], base_url: str) -> None:
    with pytest.raises(ConfigurationError):
        client(KEY, base_url)


# --- poll URLs


@pytest.mark.parametrize(
    ("base_url", "poll_url", "url"),
    [
        (BASE, "/v1/tasks/t1?sig=a%2Fb+c%20d&x=&y&z=1&z=2", f"{BASE}/v1/tasks/t1?sig=a%2Fb+c%20d&x=&y&z=1&z=2"),
        (BASE, "/odd/place/t1/", f"{BASE}/odd/place/t1/"),
        (BASE, f"{BASE}/v1/videos/generations/t1?a=%3D", f"{BASE}/v1/videos/generations/t1?a=%3D"),
        (f"{BASE}/v1", "HTTPS://API.LEMONDATA.CC/v1/tasks/t1", CANONICAL),
        ("https://gw.test/lemon/v1", "/v1/tasks/t1?x=1", "https://gw.test/lemon/v1/tasks/t1?x=1"),
        ("https://gw.test/lemon/v1", "/lemon/v1/tasks/t1?x=1", "https://gw.test/lemon/v1/tasks/t1?x=1"),
        ("https://gw.test/lemon", "https://gw.test/lemon/v1/tasks/t1", "https://gw.test/lemon/v1/tasks/t1"),
    ],
)
def test_poll_url_on_same_origin_is_requested_unchanged(
    send: Any, service: Any, base_url: str, poll_url: str, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    lemondata = service(OK)
    assert send(lemondata, calls.get_task(poll_url), base_url=base_url).poll_url == poll_url
    assert (lemondata.urls, lemondata.keys) == ([url], [AUTHORIZED])
    assert not caplog.records


ELSEWHERE = [
    "https://evil.test/v1/tasks/t1",
    "https://lemondata.cc/v1/tasks/t1",
    "https://api.lemondata.cc.evil.test/v1/tasks/t1",
    "https://api.lemondata.cc:8443/v1/tasks/t1",
    "http://api.lemondata.cc/v1/tasks/t1",
    "http://api.lemondata.cc:443/v1/tasks/t1",
    "https://api.lemondata.cc@evil.test/v1/tasks/t1",
    "https://api.lemondata.cc\\@evil.test/v1/tasks/t1",
    "//evil.test/v1/tasks/t1",
    "http://[::1/v1/tasks/t1",
]


@pytest.mark.parametrize("poll_url", ELSEWHERE)
def test_poll_url_on_other_origin_is_replaced_by_the_canonical_one(
    send: Any, service: Any, poll_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    lemondata = service(OK)
    task = send(lemondata, calls.get_task(poll_url, "t1"))
    assert (lemondata.urls, lemondata.keys) == ([CANONICAL], [AUTHORIZED])
    assert task.poll_url == poll_url
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert poll_url in record.getMessage()
    assert CANONICAL in record.getMessage()


def test_poll_url_on_other_origin_with_gateway_goes_through_the_gateway(send: Any, service: Any) -> None:
    lemondata = service(OK)
    send(lemondata, calls.get_task("https://evil.test/x", "t1"), base_url="https://gw.test/lemon/v1")
    assert lemondata.urls == ["https://gw.test/lemon/v1/tasks/t1"]


@pytest.mark.parametrize(
    ("answer", "cls"), [(refuses(404), NotFoundError), (refuses(404, "async_task_not_found"), TaskNotFoundError)]
)
def test_poll_url_on_other_origin_answered_404_names_both_urls(
    send: Any, service: Any, answer: Any, cls: type, everything_shown: Any
) -> None:
    poll_url = "https://evil.test/v1/tasks/t1?key=sk-abcdef123456"
    error = send.error(service(answer), calls.get_task(poll_url, "t1"))
    assert type(error) is cls
    for shown in (str(error), str(everything_shown(error))):
        assert "https://evil.test/v1/tasks/t1" in shown
        assert CANONICAL in shown
        assert "sk-abcdef123456" not in shown


def test_poll_url_on_same_origin_answered_404_names_the_task(send: Any, service: Any) -> None:
    error = send.error(service(refuses(404, "async_task_not_found")), LOOK)
    assert (error.task_id, error.poll_url) == ("t1", "/v1/tasks/t1")
    assert "instead" not in str(error)


def test_poll_url_with_a_key_is_logged_without_it(send: Any, service: Any, caplog: pytest.LogCaptureFixture) -> None:
    send(service(OK), calls.get_task("https://evil.test/t1?key=sk-abcdef123456", "t1"))
    assert "sk-abcdef123456" not in caplog.text


@pytest.mark.parametrize("poll_url", ["/v1/tasks/t1\n", "/v1/tasks/t\x001", "/v1/tasks/t1?" + "x" * 70_000])
def test_poll_url_not_sendable_raises_lemondata_error(send: Any, service: Any, poll_url: str) -> None:
    lemondata = service(OK)
    assert isinstance(send.error(lemondata, calls.get_task(poll_url, "t1"), once=True), LemonDataError)
    assert not lemondata.requests


# --- redirects


@pytest.mark.parametrize(
    ("base_url", "location", "key"),
    [
        (BASE, "/v1/tasks/t1/final", AUTHORIZED),
        (BASE, f"{BASE}/v1/tasks/t1/final?x=%2F", AUTHORIZED),
        (BASE, "https://API.lemondata.cc:443/x", AUTHORIZED),
        (BASE, "https://evil.test/x", None),
        (BASE, "https://lemondata.cc/x", None),
        (BASE, "//evil.test/x", None),
        (BASE, f"{BASE}:8443/x", None),
        (BASE, "http://api.lemondata.cc/x", None),
        (BASE, "http://api.lemondata.cc:443/x", None),
        (BASE, "https://api.lemondata.cc@evil.test/x", None),
        ("http://api.lemondata.cc", f"{BASE}/x", None),
        ("http://api.lemondata.cc", "http://api.lemondata.cc:80/x", AUTHORIZED),
        ("http://localhost:8080", "http://localhost:8081/x", None),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_key_is_sent_to_same_origin_only(
    send: Any, service: Any, base_url: str, location: str, key: str | None, status: int
) -> None:
    lemondata = service(says(status, "", location=location), OK)
    assert send(lemondata, LOOK, base_url=base_url).status is TaskStatus.PROCESSING
    assert lemondata.keys == [AUTHORIZED, key]
    assert [request.method for request in lemondata.requests] == ["GET", "GET"]
    assert not send.slept


def test_redirect_back_to_same_origin_sends_the_key_again(send: Any, service: Any) -> None:
    away, back = says(302, "", location="https://evil.test/x"), says(302, "", location=f"{BASE}/back")
    lemondata = service(away, says(302, "", location="/y"), back, OK)
    send(lemondata, LOOK)
    assert lemondata.urls == [CANONICAL, "https://evil.test/x", "https://evil.test/y", f"{BASE}/back"]
    assert lemondata.keys == [AUTHORIZED, None, None, AUTHORIZED]


@pytest.mark.parametrize("locations", [["/v1/tasks/t1"], ["/a", "/b"], ["https://evil.test/x", f"{BASE}/b"]])
def test_redirect_loop_raises_after_some_requests(send: Any, service: Any, locations: list[str]) -> None:
    lemondata = service(*[says(302, "", location=location) for location in locations * 20])
    error = send.error(lemondata, LOOK, once=True)
    assert isinstance(error, UnreadableAnswerError)
    assert 2 <= len(lemondata.requests) <= 10


def test_redirect_five_in_a_row_are_followed(send: Any, service: Any) -> None:
    lemondata = service(*[says(307, "", location=f"/{n}") for n in range(5)], OK)
    assert send(lemondata, LOOK, once=True).id == "t1"
    assert len(lemondata.requests) == 6


@pytest.mark.parametrize("location", ["ftp://api.lemondata.cc/x", "http://[bad", "https://x:99999999/", "\x01", ""])
def test_redirect_to_unusable_location_raises_lemondata_error(send: Any, service: Any, location: str) -> None:
    lemondata = service(says(302, "", location=location))
    assert send.error(lemondata, LOOK, once=True)
    assert {url for url, key in zip(lemondata.urls, lemondata.keys, strict=True) if key} == {CANONICAL}


@writes
@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("location", ["/v1/other", "https://evil.test/x", "http://[bad", "\x01", "ftp://x/y"])
def test_redirect_of_a_write_is_not_followed(
    send: Any, service: Any, call: calls.Call[Any], status: int, location: str
) -> None:
    lemondata = service(says(status, "", location=location))
    error = send.error(lemondata, call)
    assert len(lemondata.requests) == 1
    if location == "https://evil.test/x" and status in (301, 302, 307, 308):
        assert isinstance(error, ConfigurationError)
        assert "https://evil.test: if that is LemonData's API, set it as Base URL" in str(error)
        return
    assert isinstance(error, (UnreadableAnswerError, AnswerLostError))
    assert classify_submit_error(error) is SubmitOutcome.UNKNOWN


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
    error = send.error(service(says(status, body, content_type="text/odd")), LOOK, once=True)
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
    body = {"note": f"data:image/png;base64,{PAYLOAD}", "key": KEY, "more": "x" * 500}
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
    body = '{"id": "t\\ud83d", "status": "failed", "error": "cut \\ud83d", "model": "\\ud83d", "video_url": "x\\ud83d"}'
    for call in (SUBMIT, LOOK):
        task = send(service(says(200, body)), call, once=True)
        assert task.error.message.startswith("cut ")
        assert json.dumps(task.result(), ensure_ascii=False).encode()


# --- secrets


def errors_that_quote(secret: str) -> list[dict[str, Any]]:
    quoted = f"got {secret}!"
    hints = {"hint": quoted, "did_you_mean": secret, "param": quoted, "code": quoted, "new": [{"deep": quoted}]}
    return [
        *(says(status, {"error": {"message": quoted, **hints}}) for status in (400, 401, 403, 404, 429, 500)),
        says(401, {"error": quoted}),
        says(401, {"message": quoted, secret: secret}),
        says(502, f"<html><b>{quoted}</b></html>", content_type="text/html"),
        says(200, f"<html><b>{quoted}</b></html>", content_type="text/html"),
        says(200, [quoted]),
        says(200, {"note": quoted}),
        says(302, quoted, location=f"ftp://x/{secret}"),
        says(401, json.dumps({"error": {"message": quoted}}).replace("/", "\\/")),
        says(401, json.dumps({"error": {"message": quoted}}).replace("m", "\\u006d")),
        says(200, "oops", content_type=f"text/{secret}"),
    ]


@pytest.mark.parametrize("secret", [KEY, "sk-abcdef123456", f"data:image/png;base64,{PAYLOAD}"])
def test_secret_quoted_by_the_service_is_redacted(
    send: Any, service: Any, secret: str, everything_shown: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for answer in errors_that_quote(secret):
        error = send.error(service(answer), SUBMIT)
        assert secret.rpartition(",")[2] not in everything_shown(error).replace("\\/", "/"), answer
    assert secret.rpartition(",")[2] not in caplog.text


def test_secret_key_in_transport_error_is_not_shown(send: Any, service: Any, everything_shown: Any) -> None:
    for broken in (httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError):
        error = send.error(service(broken), LOOK, once=True)
        assert KEY not in everything_shown(error)
        assert error.__cause__ is None


def test_secret_key_in_a_task_is_redacted(send: Any, service: Any) -> None:
    task = send(service(says(200, {"id": "t1", "poll_url": f"/v1/tasks/t1?key={KEY}", "echo": [KEY]})), SUBMIT)
    assert KEY not in repr(task)
    assert KEY not in json.dumps(task.result())


@pytest.mark.parametrize("key", ["null", "true", "v1", "id", "t", "1", ":", '"', "{", "task", "\\"])
def test_secret_short_placeholder_key_leaves_answers_unchanged(send: Any, service: Any, key: str) -> None:
    body = {"id": "ldtask_1", "poll_url": "/v1/tasks/ldtask_1", "model": None, "cancelled": True, "progress": 11}
    task = send(service(says(200, body)), SUBMIT, api_key=key)
    assert (task.id, task.poll_url, task.progress) == ("ldtask_1", "/v1/tasks/ldtask_1", 11)
    assert (task.model, task.cancelled) == (None, True)


# --- when a call is sent again

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
    assert send(lemondata, LOOK).id == "t1"
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
    assert type(send.error(lemondata, LOOK)) is ServiceError
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
    error = send.error(service(broken), LOOK, once=True)
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
        send(broken, LOOK)


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
    LOOK,
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


@pytest.mark.parametrize("extra", [{"x": float("nan")}, {"x": [float("inf")]}, {"x": "\ud83d"}], ids=repr)
def test_client_body_not_json_serializable_raises_and_is_not_sent(
    send: Any, service: Any, extra: dict[str, Any]
) -> None:
    lemondata = service(OK)
    with pytest.raises(LemonDataError) as caught:
        send(lemondata, calls.submit_video(VideoRequest.checked(model="sora-2", prompt="a cat", extra_params=extra)))
    assert classify_submit_error(caught.value) is SubmitOutcome.NOT_SENT
    assert not lemondata.requests


def test_client_prompt_with_lone_surrogate_raises_and_is_not_sent(send: Any, service: Any) -> None:
    lemondata = service(OK)
    with pytest.raises(LemonDataError) as caught:
        send(lemondata, calls.submit_video(VideoRequest.checked(model="sora-2", prompt="cut \ud83d")))
    assert classify_submit_error(caught.value) is SubmitOutcome.NOT_SENT
    assert not lemondata.requests


# --- connections, with a real server


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.opened = 0
        self.busy = 0
        self.busiest = 0
        self.lines: list[str] = []
        self.everybody_came = threading.Event()
        self.expected = 1
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        with self.server.lock:
            self.server.opened += 1
        super().setup()

    def do_GET(self) -> None:  # the standard library's name
        server = self.server
        with server.lock:
            server.lines.append(self.requestline)
            server.busy += 1
            server.busiest = max(server.busiest, server.busy)
            if server.busy >= server.expected:
                server.everybody_came.set()
        server.everybody_came.wait(2)
        body = b'{"status": "processing"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with server.lock:
            server.busy -= 1
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.everybody_came.set()
        server.shutdown()
        thread.join()


async def test_async_client_slow_answers_block_no_other_request(server: Server) -> None:
    server.expected = 24
    async with AsyncClient(KEY, server.url) as client:
        tasks = await asyncio.gather(*[client.send_once(LOOK) for _ in range(24)])
    assert [task.status for task in tasks] == [TaskStatus.PROCESSING] * 24
    assert server.busiest == 24


def test_client_several_requests_share_one_connection(server: Server) -> None:
    with Client(KEY, server.url) as client:
        for _ in range(5):
            client.send_once(LOOK)
    assert server.opened == 1


def test_limits_idle_connection_is_kept_for_a_minute() -> None:
    assert LIMITS.keepalive_expiry is not None
    assert LIMITS.keepalive_expiry >= 60


def test_client_proxy_in_environment_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Client(KEY, "http://lemondata.test") as client:
        assert client.send_once(LOOK).status is TaskStatus.PROCESSING
    assert server.lines == ["GET http://lemondata.test/v1/tasks/t1 HTTP/1.1"]


def test_client_connection_refused_raises_and_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        client = Client(KEY, f"http://127.0.0.1:{bound.getsockname()[1]}")
        with client, pytest.raises(ConnectionFailedError) as caught:
            client.send_once(SUBMIT)
    assert classify_submit_error(caught.value) is SubmitOutcome.NOT_SENT


def test_client_connection_refused_names_url_and_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        base_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with Client(KEY, base_url, connection="lemondata_eu") as client, pytest.raises(ConnectionFailedError) as caught:
            client.send_once(calls.get_task("/v1/tasks/t1?signature=abc"))
    assert f"Cannot connect to {base_url}/v1/tasks/t1 (connection 'lemondata_eu')" in caught.value.message
    assert "signature" not in caught.value.message


@pytest.mark.parametrize("status", [401, 403])
def test_client_key_refused_names_connection(status: int) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json={"error": {"message": "no"}}))
    with Client(KEY, transport=transport, connection="lemondata_eu") as client, pytest.raises(APIError) as caught:
        client.send_once(SUBMIT)
    assert caught.value.message.endswith("(connection 'lemondata_eu')")


@pytest.mark.parametrize("timeout", [None, 5.0, 300.0])
def test_timeout_default_is_ten_seconds_to_connect_and_sixty_to_read(
    send: Any, service: Any, timeout: float | None
) -> None:
    lemondata = service(OK)
    send(lemondata, LOOK, **({} if timeout is None else {"timeout": timeout}))
    sent = lemondata.requests[0].extensions["timeout"]
    assert (sent["connect"], sent["read"]) == (10, timeout or 60)


def test_ssl_context_called_twice_is_the_same_object() -> None:
    assert ssl_context() is ssl_context(True)
    assert ssl_context(True).verify_mode is ssl.CERT_REQUIRED
    assert ssl_context(True).check_hostname


def test_ssl_context_verify_false_checks_no_certificate() -> None:
    assert ssl_context(False) is not ssl_context(True)
    assert ssl_context(False).verify_mode is ssl.CERT_NONE


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of our own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "ca.pem", folder / "key.pem"
    public.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def test_verify_ca_file_is_used_to_check_certificates(server: Server, certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    url, ca_file = f"https://localhost:{server.server_port}", str(certificate[0])
    with Client(KEY, url, verify=ca_file) as client:
        assert client.send_once(LOOK).status is TaskStatus.PROCESSING
    with Client(KEY, url, verify=False) as client:
        assert client.send_once(LOOK).status is TaskStatus.PROCESSING
    with Client(KEY, url) as client, pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
        client.send_once(SUBMIT)
    assert ssl_context(ca_file) is ssl_context(ca_file)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("name", ["missing.pem", "garbage.pem", "."])
def test_verify_unusable_ca_file_is_refused(client: Callable[..., Any], name: str, tmp_path: Path) -> None:
    (tmp_path / "garbage.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError) as caught:
        client(KEY, verify=str(tmp_path / name))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".test", ".test"])
def test_client_host_invalid_in_dns_raises_and_is_not_sent(host: str) -> None:
    with pytest.raises(LemonDataError) as caught, Client(KEY, f"http://{host}") as client:
        client.send_once(SUBMIT)
    assert classify_submit_error(caught.value) is SubmitOutcome.NOT_SENT


def test_client_key_refused_raises_authentication_error(send: Any, service: Any) -> None:
    error = send.error(service(refuses(401, "invalid_api_key")), calls.list_models())
    assert type(error) is AuthenticationError
    assert error.task_id is None


@pytest.mark.parametrize("location", ["foo:bar", "https://xn--0/", "https://xn--a/v", "/v1/elsewhere"])
def test_redirect_of_a_submit_sends_it_once(location):
    sent: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return httpx.Response(307, headers={"Location": location})

    client = Client("sk-0123456789", sleep=lambda _: None, transport=httpx.MockTransport(redirect))
    with pytest.raises(LemonDataError) as refused:
        client.send(calls.submit_video(VideoRequest.checked(model="sora-2", prompt="a cat")))
    assert sent == ["POST"]
    moved = location.startswith("https://")
    assert classify_submit_error(refused.value) is (SubmitOutcome.NOT_SENT if moved else SubmitOutcome.UNKNOWN)
