from __future__ import annotations

import httpx
import pytest

HARMLESS_UNTIL_SENT = [
    ("reset", httpx.ReadError),
    ("hang_before", httpx.ReadTimeout),
]
CHARGED = [
    ("lost_answer", httpx.RemoteProtocolError),
    ("truncated_json", httpx.RemoteProtocolError),
    ("hang", httpx.ReadTimeout),
]


def charged(api) -> int:
    return len(api.sandbox.ledger.creates)


@pytest.mark.parametrize(("kind", "error"), HARMLESS_UNTIL_SENT)
def test_fault_before_the_create_charges_nothing(api, kind, error):
    api.sandbox.fault(kind)
    api.http.timeout = 0.2
    with pytest.raises(error):
        api.post()
    assert charged(api) == 0
    assert api.post().status_code == 200


@pytest.mark.parametrize(("kind", "error"), CHARGED)
def test_fault_after_the_create_charges_it(api, kind, error):
    api.sandbox.fault(kind)
    api.http.timeout = 0.2
    with pytest.raises(error):
        api.post()
    assert charged(api) == 1
    (call,) = api.sandbox.ledger.calls
    assert (call.fault, call.status) == (kind, 200 if kind == "truncated_json" else None)


def test_reset_fresh_connection_is_reset(api):
    api.sandbox.fault("reset", on="models")
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        httpx.get(f"{api.sandbox.url}/v1/models")


def test_hang_seconds_elapsed_closes_the_connection(api):
    api.sandbox.fault("hang", seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        api.post()


def test_hang_before_client_disconnects_ends(running, api, eventually):
    api.sandbox.fault("hang_before")
    with pytest.raises(httpx.ReadTimeout):
        api.http.post("/v1/videos/generations", json={}, timeout=0.05)
    eventually(lambda: not running._server.server_state.tasks)


@pytest.mark.parametrize(("kind", "count"), [("html_502", 1), ("html_502_before", 0)])
def test_html_502_before_or_after_the_create_charges_or_not(api, kind, count):
    api.sandbox.fault(kind)
    answer = api.post()
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")
    assert charged(api) == count


def test_half_json_create_answers_invalid_json_and_charges(api):
    api.sandbox.fault("half_json")
    answer = api.post()
    assert answer.status_code == 200
    assert answer.text.startswith('{"id"')
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        answer.json()
    assert charged(api) == 1


def test_unreadable_create_answers_text_and_charges(api):
    api.sandbox.fault("unreadable")
    answer = api.post()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain")
    assert "no JSON" in answer.text
    assert charged(api) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (402, "insufficient_balance"),
        (403, "access_denied"),
        (404, "async_task_not_found"),
        (429, "rate_limit_exceeded"),
        (500, "server_error"),
        (503, "all_channels_failed"),
        (504, "timeout_error"),
    ],
)
def test_error_each_status_has_its_code_and_charges_nothing(api, status, code):
    api.sandbox.fault("error", status=status)
    answer = api.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert charged(api) == 0


@pytest.mark.parametrize("retryable", [True, False])
def test_error_retryable_and_retry_after_are_in_the_answer(api, retryable):
    api.sandbox.fault("error", status=503, code="busy", message="Later.", retryable=retryable, retry_after=1.5)
    answer = api.post()
    assert answer.headers["Retry-After"] == "1.5"
    assert answer.json()["error"] == {
        "message": "Later.",
        "type": "server_error",
        "code": "busy",
        "retryable": retryable,
        "retry_after": 1.5,
    }


def test_error_without_status_is_500(api):
    api.sandbox.fault("error")
    assert api.post().status_code == 500


def test_error_retry_after_header_can_be_a_date(api):
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    api.sandbox.fault("error", status=429, retry_after=3, headers={"Retry-After": date})
    assert api.post().headers.get_list("Retry-After") == [date]


@pytest.mark.parametrize(("body", "content_type"), [("<b>busy</b>", "text/html"), ({"detail": []}, "application/json")])
def test_error_any_body_is_answered_as_it_is(api, body, content_type):
    api.sandbox.fault("error", status=500, body=body)
    answer = api.post()
    assert answer.headers["Content-Type"] == content_type
    assert (answer.text if isinstance(body, str) else answer.json()) == body


@pytest.mark.parametrize("status", [302, 307])
def test_redirect_create_sets_location_and_charges_nothing(api, status):
    api.sandbox.fault("redirect", status=status, location="https://other.invalid/v1")
    answer = api.post()
    assert (answer.status_code, answer.headers["Location"]) == (status, "https://other.invalid/v1")
    assert charged(api) == 0


def test_slow_create_answers_later_and_charges(api):
    api.sandbox.fault("slow", seconds=0.15)
    answer = api.post()
    assert answer.elapsed.total_seconds() >= 0.15
    assert answer.json()["status"] == "pending"
    assert charged(api) == 1


def test_faults_on_poll_cancel_and_file_affect_those_requests(api):
    task = api.create(model="seedance-2.0")
    api.sandbox.fault("half_json", on="poll")
    api.sandbox.fault("lost_answer", on="cancel")
    api.sandbox.fault("truncated_json", on="file")
    assert api.http.get(task["poll_url"]).status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        api.http.delete(f"/v1/tasks/{task['id']}")
    assert api.poll(task)["cancelled"] is True
    done = api.finish()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        api.http.get(done["video_url"])
    assert api.http.get(done["video_url"]).status_code == 200


def test_faults_on_any_spare_controls_and_health(api):
    api.sandbox.fault("reset", on="any", times=-1)
    assert api.http.get("/healthz").status_code == 200
    assert api.http.get("/sandbox/tasks").status_code == 200
    assert api.sandbox.ledger.calls == []


@pytest.mark.parametrize("kind", ["error", "redirect", "html_502_before"])
def test_fault_large_request_is_still_answered(api, kind):
    api.sandbox.fault(kind, status=503)
    assert api.post(image="data:," + "A" * 20_000_000).status_code == 503


def test_reset_large_request_resets_the_connection(api):
    api.sandbox.fault("reset")
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        api.post(image="data:," + "A" * 20_000_000)
