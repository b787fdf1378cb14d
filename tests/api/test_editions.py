"""Answers, errors and headers in the forms of all documented editions; see also tests/api/test_task.py."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.error_response import error_from
from lemondata_provider.api.errors import (
    AnswerLostError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
)
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.submit_outcome import (
    SubmitOutcome,
    classify_submit_error,
    is_model_unavailable,
    is_refused_for_now,
)
from lemondata_provider.api.urls import DEFAULT_BASE_URL
from tests.api.doubles import KEY
from tests.api.payloads import read_task

CREATE = calls.submit_video(VideoRequest.checked(model="veo3.1", prompt="a cat"))
POLL = calls.get_task("/v1/tasks/ldtask_1")


def refused(status: int, headers: dict[str, str] | None = None, /, **error: Any) -> APIError:
    return error_from(status, headers or {}, {"error": error}, now=0)


# --- answers


def test_last_frame_url_in_either_place_is_read() -> None:
    frame = "https://assets.tokenlab.sh/last.png"
    assert read_task(last_frame_url=frame).result()["last_frame_url"] == frame
    assert read_task(content={"last_frame_url": frame}).result()["last_frame_url"] == frame


# --- errors


@pytest.mark.parametrize("kind", ["all_channels_failed", "model_unavailable", "delivery_tier_unavailable"])
@pytest.mark.parametrize("name", ["code", "type"])
def test_classify_submit_error_no_channels_by_code_or_type_is_refused(name: str, kind: str) -> None:
    error = refused(503, message="why", **{name: kind})
    assert classify_submit_error(error) is SubmitOutcome.REFUSED
    assert is_model_unavailable(error)


def test_error_from_type_that_repeats_the_status_has_no_code() -> None:
    assert refused(400, message="why", type="invalid_request_error").code is None


def test_is_refused_for_now_material_in_preparation_is_true() -> None:
    error = refused(409, message="not ready", code="seedance_material_preparing", inactive_asset_ids=["asset-1"])
    assert is_refused_for_now(error)
    assert not is_refused_for_now(refused(409, message="another conflict"))


def test_error_from_details_are_in_the_message() -> None:
    error = refused(
        400,
        message="Invalid request.",
        request_id="req_1",
        validation_errors=[{"field": "duration", "message": "must be 4, 5 or 8", "code": "x"}],
        required_selectors=["operation"],
        prompt_max_characters=2000,
    )
    for words in ("duration: must be 4, 5 or 8", "Required: operation.", "2000 characters", "request_id=req_1"):
        assert words in str(error)


# --- headers


def test_request_id_header_is_in_every_error(send: Any, service: Any) -> None:
    answer = {"status_code": 401, "json": {"error": {"message": "no"}}, "headers": {"X-Request-ID": "req_1"}}
    for call in (CREATE, POLL):
        error = send.error(service(answer), call)
        assert error.request_id == "req_1"
        assert "request_id=req_1" in str(error)


HEADERS = {"X-Task-ID": "ldtask_1", "X-Request-ID": "req_1", "X-Billing-Transaction-ID": "txn_1"}


class LostBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection breaks."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"id": '
        raise httpx.ReadError("connection reset")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"id": '
        raise httpx.ReadError("connection reset")


@pytest.mark.parametrize(
    "body", [{"stream": LostBody()}, {"text": '{"id": "ld'}, {"text": "<html>"}, {"text": ""}, {"json": {}}]
)
def test_submit_with_task_id_header_and_any_body_returns_the_task(send: Any, service: Any, body: Any) -> None:
    task = send(service({"status_code": 200, "headers": HEADERS, **body}), CREATE)
    assert (task.id, task.request_id, task.billing_transaction_id) == ("ldtask_1", "req_1", "txn_1")
    assert task.poll_url == "/v1/tasks/ldtask_1"


def test_submit_with_lost_body_and_no_task_id_header_is_unknown(send: Any, service: Any) -> None:
    error = send.error(service({"status_code": 200, "stream": LostBody()}), CREATE)
    assert type(error) is AnswerLostError
    assert classify_submit_error(error) is SubmitOutcome.UNKNOWN


def test_submit_with_headers_and_body_uses_the_body(send: Any, service: Any) -> None:
    answer = {"status_code": 200, "headers": HEADERS, "json": {"task_id": "ldtask_2", "id": "ldtask_2"}}
    assert send(service(answer), CREATE).id == "ldtask_2"


def test_error_with_task_id_header_names_the_task(send: Any, service: Any) -> None:
    error = send.error(service({"status_code": 502, "headers": HEADERS, "text": "<html>"}), CREATE)
    assert classify_submit_error(error) is SubmitOutcome.UNKNOWN
    assert error.task_id == "ldtask_1"


# --- the move


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_submit_redirected_to_the_new_host_is_not_sent_and_names_the_host(send: Any, service: Any, status: int) -> None:
    moved = {"status_code": status, "headers": {"Location": f"{DEFAULT_BASE_URL}/v1/videos/generations"}}
    lemondata = service(moved)
    error = send.error(lemondata, CREATE, connection="prod")
    assert isinstance(error, ConfigurationError)
    assert classify_submit_error(error) is SubmitOutcome.NOT_SENT
    assert f"LemonData's API has moved to {DEFAULT_BASE_URL}: set it as Base URL of connection 'prod'." in str(error)
    assert len(lemondata.requests) == 1


def test_submit_answered_303_is_unknown(send: Any, service: Any) -> None:
    error = send.error(service({"status_code": 303, "headers": {"Location": f"{DEFAULT_BASE_URL}/v1/x"}}), CREATE)
    assert classify_submit_error(error) is SubmitOutcome.UNKNOWN


def test_poll_redirected_to_the_new_host_names_the_host_and_keeps_the_key(send: Any, service: Any) -> None:
    moved = {"status_code": 301, "headers": {"Location": f"{DEFAULT_BASE_URL}/v1/tasks/ldtask_1"}}
    lemondata = service(moved, {"status_code": 401, "json": {"error": {"message": "no key"}}})
    error = send.error(lemondata, POLL, connection="prod")
    assert isinstance(error, AuthenticationError)
    assert "set it as Base URL of connection 'prod'. [" in str(error)
    assert lemondata.keys[-1] is None


@pytest.mark.parametrize(("base_url", "hint"), [("https://api.lemondata.cc", True), ("https://gateway.example", False)])
def test_host_name_that_does_not_resolve_has_a_hint_if_it_is_the_old_one(send: Any, base_url: str, hint: bool) -> None:
    def fails(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known") from socket.gaierror(-2, "Name or service not known")

    error = send.error(fails, POLL, once=True, base_url=base_url)
    assert isinstance(error, ConnectionFailedError)
    assert ("has moved to https://api.tokenlab.sh" in str(error)) is hint


def test_send_headers_that_quote_the_key_do_not_show_it(send: Any, service: Any) -> None:
    quoting = {"X-Task-ID": "ldtask_1", "X-Request-ID": f"req-{KEY}"}
    task = send(service({"status_code": 200, "headers": quoting, "json": {}}), CREATE)
    assert KEY not in repr(task)
    error = send.error(service({"status_code": 400, "headers": quoting, "json": {"error": {"message": "no"}}}), CREATE)
    assert KEY not in str(error) + repr(error.to_dict())
