"""What the client sends: URL, headers, body and timeouts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lemondata_provider import __version__
from lemondata_provider.api import calls
from lemondata_provider.api.auth import checked_key
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.errors import APIError, AuthenticationError, ConfigurationError, LemonDataError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.task import TaskStatus
from tests.api.doubles import AUTHORIZED, BASE, CANCEL, KEY, OK, POLL, SUBMIT, refuses, says


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


@pytest.mark.parametrize("call", [POLL, CANCEL, calls.get_model("a/b"), calls.get_pricing("a b")])
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
    lemondata = service(says(200, {"id": call.error_context.get("task_id", "t1")}))
    send(lemondata, call)
    assert lemondata.requests[0].url.raw_path in (raw_path, raw_path.replace(b"+", b"%20"))


def test_user_agent_given_is_sent(send: Any, service: Any) -> None:
    lemondata = service(OK)
    send(lemondata, POLL, user_agent="mine/1 apache-airflow/3")
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
    send(lemondata, POLL, base_url=base_url)
    assert lemondata.urls == [f"{root}/v1/videos/generations", f"{root}/v1/tasks/t1"]
    assert lemondata.keys == [AUTHORIZED] * 2


def test_base_url_host_outside_ascii_is_refused_or_gets_the_key(send: Any, service: Any) -> None:
    lemondata = service(OK)
    try:
        send(lemondata, POLL, base_url="https://bücher.example")
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


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("Bearer sk-abcdef", 'begins with "Bearer ", which is no part of it'),
        ("bearer  sk-abcdef\n", 'begins with "Bearer ", which is no part of it'),
        ("sk-abcdef\n", "has a line break"),
        ("sk-abcdef\r\n", "has a line break"),
        ("\nsk-abcdef", "has a line break"),
        ("'sk-abcdef'", "is in quotes"),
        ('"sk-abcdef"', "is in quotes"),
    ],
)
def test_checked_key_pasted_with_more_than_the_key_says_what(key: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        checked_key(key)
    assert "abcdef" not in str(refused.value)


@pytest.mark.parametrize("key", ["sk-abc", "x", "a.b/c+d=~"])
def test_checked_key_printable_ascii_is_accepted(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize("base_url", ["", "ftp://x", "https://user:pw@api.lemondata.cc"])
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_base_url_unusable_is_refused_by_the_constructor(client: Callable[..., Any], base_url: str) -> None:
    with pytest.raises(ConfigurationError):
        client(KEY, base_url)


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
    send(lemondata, POLL, **({} if timeout is None else {"timeout": timeout}))
    sent = lemondata.requests[0].extensions["timeout"]
    assert (sent["connect"], sent["read"]) == (10, timeout or 60)


def test_client_key_refused_raises_authentication_error(send: Any, service: Any) -> None:
    error = send.error(service(refuses(401, "invalid_api_key")), calls.list_models())
    assert type(error) is AuthenticationError
    assert error.task_id is None
