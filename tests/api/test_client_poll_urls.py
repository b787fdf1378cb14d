"""Poll URLs: followed on the API's own origin only."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.errors import NotFoundError, TaskNotFoundError
from tests.api.doubles import AUTHORIZED, BASE, CANONICAL, OK, POLL, SUBMIT, refuses, says


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
    error = send.error(service(refuses(404, "async_task_not_found")), POLL)
    assert (error.task_id, error.poll_url) == ("t1", "/v1/tasks/t1")
    assert "instead" not in str(error)


def test_poll_url_with_a_key_is_logged_without_it(send: Any, service: Any, caplog: pytest.LogCaptureFixture) -> None:
    send(service(OK), calls.get_task("https://evil.test/t1?key=sk-abcdef123456", "t1"))
    assert "sk-abcdef123456" not in caplog.text


@pytest.mark.parametrize(
    "poll_url", ["/v1/tasks/t1\n2", "/v1/tasks/t\x001", "/v1/t 1", "/v1/tasks/t1?" + "x" * 70_000, "data:,t1"]
)
def test_poll_url_not_sendable_polls_the_canonical_address(send: Any, service: Any, poll_url: str) -> None:
    lemondata = service(OK)
    assert send(lemondata, calls.get_task(poll_url, "t1"), once=True).id == "t1"
    assert lemondata.urls == [CANONICAL]


@pytest.mark.parametrize("poll_url", ["/v1/tasks/t\\u00001", "/v1/\\u001b", "\\ud800\\n"])
def test_poll_url_of_an_answer_not_sendable_is_the_canonical_one(send: Any, service: Any, poll_url: str) -> None:
    lemondata = service({"status_code": 200, "text": f'{{"id": "t1", "poll_url": "{poll_url}"}}'})
    assert send(lemondata, SUBMIT).poll_url == "/v1/tasks/t1"


def test_poll_url_answered_404_by_another_server_names_the_base_url(send: Any, service: Any) -> None:
    error = send.error(service(says(404, "<h1>Not Found</h1>")), POLL, connection="prod")
    assert f"check the Base URL {BASE} of connection 'prod'" in str(error)
