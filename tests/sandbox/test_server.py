from __future__ import annotations

import json
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from lemondata_provider.sandbox.server import Sandbox, SandboxError, _wait_for_start
from lemondata_provider.sandbox.settings import SettingError, Settings


def test_sandbox_context_listens_until_exit():
    with Sandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{sandbox.url}/healthz").json() == {"status": "ok"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sandbox.url}/healthz")
    assert not [thread for thread in threading.enumerate() if thread is sandbox._thread]
    sandbox.stop()


def test_sandbox_stopped_can_be_started_again():
    sandbox = Sandbox()
    for _ in range(2):
        with sandbox:
            assert httpx.get(f"{sandbox.url}/healthz").status_code == 200


def test_start_port_in_use_raises():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="use"):
        Sandbox(port=taken.getsockname()[1]).start()


def test_url_ipv6_host_has_brackets():
    sandbox = Sandbox(host="::1", port=8089)
    assert sandbox.url == "http://[::1]:8089"


def test_stop_hanging_request_does_not_wait(eventually):
    failed: list[Exception] = []

    def call(url: str) -> None:
        try:
            httpx.get(f"{url}/v1/models", timeout=30)
        except httpx.HTTPError as error:
            failed.append(error)

    with Sandbox() as sandbox:
        sandbox.fault("hang", on="models")
        caller = threading.Thread(target=call, args=(sandbox.url,))
        caller.start()
        eventually(lambda: sandbox.ledger.requests("models") == 1)
        begun = time.monotonic()
    caller.join(5)
    assert time.monotonic() - begun < 2
    assert len(failed) == 1


def test_connection_uri_running_sandbox_is_an_airflow_connection(sandbox):
    assert json.loads(sandbox.connection_uri) == {
        "conn_type": "lemondata",
        "host": sandbox.url,
        "password": "sk-sandbox",
    }


def test_configure_running_sandbox_changes_settings(sandbox):
    assert sandbox.configure(api_key="sk-new").api_key == sandbox.api_key == "sk-new"
    with pytest.raises(SettingError):
        sandbox.configure(speed=1)


def test_files_folder_given_keeps_the_videos(tmp_path):
    with Sandbox(Settings(generation_seconds=0, scale_down=16), files=tmp_path) as sandbox:
        answer = sandbox.service.create({"prompt": "x", "duration": 1}, "sk", sandbox.url)
        assert httpx.get(f"{sandbox.url}/files/{answer['id']}.mp4").status_code == 200
    assert [path.name for path in tmp_path.iterdir()] == [f"{answer['id']}.mp4"]


def test_wait_for_start_thread_ended_raises():
    with pytest.raises(SandboxError, match="did not start"):
        _wait_for_start(uvicorn.Server(uvicorn.Config("none")), threading.Thread())


def test_health_many_requests_answer_without_network_delay(api):
    taken = sorted(api.http.get("/healthz").elapsed.total_seconds() for _ in range(15))
    assert taken[7] < 0.03
