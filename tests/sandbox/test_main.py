from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from lemondata_provider.sandbox.__main__ import main

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "lemondata_provider.sandbox")


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, IO[str]]]:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process, process.stdout.readline(), process.stderr
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_signal_prints_url_and_exits_cleanly(number, tmp_path):
    arguments = ("--generation-seconds", "0", "--set", "api_key=sk-x", "--set", "scale_down=16", "--files", tmp_path)
    with served(*map(str, arguments)) as (process, line, errors):
        ready = re.fullmatch(r"LemonData sandbox: (http://127\.0\.0\.1:\d+) \(API key sk-x\)\n", line)
        assert ready is not None
        assert process.stdout is not None
        name, _, value = process.stdout.readline().strip().partition("=")
        url = ready[1]
        assert name == "AIRFLOW_CONN_LEMONDATA_DEFAULT"
        assert json.loads(*shlex.split(value)) == {"conn_type": "lemondata", "host": url, "password": "sk-x"}
        headers = {"Authorization": "Bearer sk-x"}
        task = httpx.post(f"{url}/v1/videos/generations", json={"prompt": "x"}, headers=headers).json()
        assert httpx.get(f"{url}/files/{task['id']}.mp4").status_code == 200
        httpx.get(f"{url}/v1/no%0Asuch")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert errors.read().splitlines() == [
            "POST /v1/videos/generations 200",
            f"GET /files/{task['id']}.mp4 200",
            "GET /v1/no%0Asuch 404",
        ]
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    assert [path.suffix for path in Path(tmp_path).iterdir()] == [".mp4"]


def test_command_host_all_interfaces_warns():
    with served("--host", "0.0.0.0") as (process, line, errors):  # noqa: S104 # that is what is warned of
        assert line.startswith("LemonData sandbox: http://0.0.0.0:")
        process.terminate()
        assert "can be reached from other machines" in errors.read()


def test_command_quiet_prints_no_requests():
    with served("--quiet") as (process, line, errors):
        httpx.get(f"{line.split()[2]}/v1/models")
        process.terminate()
        assert errors.read() == ""


def test_main_port_in_use_prints_one_sentence(capsys):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert capsys.readouterr().err.startswith("Cannot listen on 127.0.0.1:")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_main_sigterm_stops_serving_and_restores_the_handler(capsys, eventually):
    def end() -> None:
        eventually(lambda: signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, before))
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    ender = threading.Thread(target=end)
    ender.start()
    assert main(["--port", "0"]) == 0
    ender.join()
    assert capsys.readouterr().out.startswith("LemonData sandbox: http://127.0.0.1:")
    assert signal.getsignal(signal.SIGTERM) == before


def test_main_unknown_setting_prints_one_sentence(capsys):
    assert main(["--set", "speed=3"]) == 1
    assert capsys.readouterr().err.startswith("The sandbox has no setting 'speed'")


def test_main_setting_without_value_exits_with_usage(capsys):
    with pytest.raises(SystemExit):
        main(["--set", "speed"])
    assert "expected NAME=VALUE" in capsys.readouterr().err


def test_main_missing_extra_prints_one_sentence():
    script = "import sys; sys.modules['uvicorn'] = None; from lemondata_provider.sandbox.__main__ import main; main()"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stderr == "uvicorn is missing: pip install 'airflow-provider-lemondata[sandbox]'.\n"
