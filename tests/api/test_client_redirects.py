"""Redirects: followed for reads only, and the key stays on its origin."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import AnswerLostError, ConfigurationError, LemonDataError, UnreadableAnswerError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.task import TaskStatus
from tests.api.doubles import AUTHORIZED, BASE, CANONICAL, OK, POLL, says, writes


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
    assert send(lemondata, POLL, base_url=base_url).status is TaskStatus.PROCESSING
    assert lemondata.keys == [AUTHORIZED, key]
    assert [request.method for request in lemondata.requests] == ["GET", "GET"]
    assert not send.slept


def test_redirect_back_to_same_origin_sends_the_key_again(send: Any, service: Any) -> None:
    away, back = says(302, "", location="https://evil.test/x"), says(302, "", location=f"{BASE}/back")
    lemondata = service(away, says(302, "", location="/y"), back, OK)
    send(lemondata, POLL)
    assert lemondata.urls == [CANONICAL, "https://evil.test/x", "https://evil.test/y", f"{BASE}/back"]
    assert lemondata.keys == [AUTHORIZED, None, None, AUTHORIZED]


@pytest.mark.parametrize("locations", [["/v1/tasks/t1"], ["/a", "/b"], ["https://evil.test/x", f"{BASE}/b"]])
def test_redirect_loop_raises_after_some_requests(send: Any, service: Any, locations: list[str]) -> None:
    lemondata = service(*[says(302, "", location=location) for location in locations * 20])
    error = send.error(lemondata, POLL, once=True)
    assert isinstance(error, UnreadableAnswerError)
    assert 2 <= len(lemondata.requests) <= 10


def test_redirect_five_in_a_row_are_followed(send: Any, service: Any) -> None:
    lemondata = service(*[says(307, "", location=f"/{n}") for n in range(5)], OK)
    assert send(lemondata, POLL, once=True).id == "t1"
    assert len(lemondata.requests) == 6


@pytest.mark.parametrize("location", ["ftp://api.lemondata.cc/x", "http://[bad", "https://x:99999999/", "\x01", ""])
def test_redirect_to_unusable_location_raises_lemondata_error(send: Any, service: Any, location: str) -> None:
    lemondata = service(says(302, "", location=location))
    assert send.error(lemondata, POLL, once=True)
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
