"""Neither the key nor media show in an error, a task or a log."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.doubles import DATA_URL, KEY, POLL, SUBMIT, says


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


@pytest.mark.parametrize("secret", [KEY, "sk-abcdef123456", DATA_URL])
def test_secret_quoted_by_the_service_is_redacted(
    send: Any, service: Any, secret: str, everything_shown: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for answer in errors_that_quote(secret):
        error = send.error(service(answer), SUBMIT)
        assert secret.rpartition(",")[2] not in everything_shown(error).replace("\\/", "/"), answer
    assert secret.rpartition(",")[2] not in caplog.text


def test_secret_key_in_transport_error_is_not_shown(send: Any, service: Any, everything_shown: Any) -> None:
    for broken in (httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError):
        error = send.error(service(broken), POLL, once=True)
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
