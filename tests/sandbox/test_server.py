from __future__ import annotations

import json
import socket
import threading
import time

import httpx
import pytest

from lemondata_provider.sandbox.server import Sandbox, SandboxError
from lemondata_provider.sandbox.settings import SettingError, Settings


def test_a_sandbox_listens_while_its_block_runs():
    with Sandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{sandbox.url}/healthz").json() == {"status": "ok"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sandbox.url}/healthz")
    assert not [thread for thread in threading.enumerate() if thread is sandbox._thread]
    sandbox.stop()


def test_a_sandbox_can_be_started_again():
    sandbox = Sandbox()
    for _ in range(2):
        with sandbox:
            assert httpx.get(f"{sandbox.url}/healthz").status_code == 200


def test_a_port_that_is_taken_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="use"):
        Sandbox(port=taken.getsockname()[1]).start()


def test_an_ipv6_address_is_written_in_brackets():
    sandbox = Sandbox(host="::1", port=8089)
    assert sandbox.url == "http://[::1]:8089"


def test_stopping_does_not_wait_for_a_request_that_hangs(eventually):
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


def test_the_connection_is_what_airflow_takes(sandbox):
    assert json.loads(sandbox.connection_uri) == {
        "conn_type": "lemondata",
        "host": sandbox.url,
        "password": "sk-sandbox",
    }


def test_the_settings_can_be_changed_while_it_runs(sandbox):
    assert sandbox.configure(api_key="sk-new").api_key == sandbox.api_key == "sk-new"
    with pytest.raises(SettingError):
        sandbox.configure(speed=1)


def test_videos_are_kept_in_the_folder_that_was_given(tmp_path):
    with Sandbox(Settings(generation_seconds=0, scale_down=16), files=tmp_path) as sandbox:
        answer = sandbox.service.create({"prompt": "x", "duration": 1}, "sk", sandbox.url)
        assert httpx.get(f"{sandbox.url}/files/{answer['id']}.mp4").status_code == 200
    assert [path.name for path in tmp_path.iterdir()] == [f"{answer['id']}.mp4"]


def test_a_server_that_cannot_start_says_so():
    sandbox = Sandbox()
    sandbox._thread = None
    with pytest.raises(SandboxError, match="did not start"):
        sandbox._wait_until(lambda: False, "start")


def test_an_answer_does_not_wait_for_the_network(api):
    taken = sorted(api.http.get("/healthz").elapsed.total_seconds() for _ in range(15))
    assert taken[7] < 0.03
