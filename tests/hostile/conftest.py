"""A real Airflow on PostgreSQL, a service that answers with anything, and one service for each outage."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import servers
from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

HERE = Path(__file__).parent
KINDS = ("rotated", "firewalled", "secret")
GENERATION = 330.0  # seconds, from before the waits begin until after the outage
MB = 1024 * 1024
NUL = {"status": "completed", "video_url": "https://x.test/\0v.mp4", "model": "a\0b", "error": {"hint\0": ["\0"]}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.hostile)


@cache
def answers() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return bodies and headers; they are large, so collecting the tests does not make them."""
    return {
        "nul": (json.dumps(NUL).encode(), {}),
        "oversized": (json.dumps({"status": "processing", "x": "x" * 100 * MB}).encode(), {}),
        "bomb": (gzip.compress(b"\0" * 500 * MB), {"Content-Encoding": "gzip"}),
    }


class Hostile(BaseHTTPRequestHandler):
    """Answers by the task's id."""

    def do_GET(self) -> None:
        body, headers = answers()[self.path.rpartition("/")[2]]
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:  # the reader has had enough
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="session")
def hostile_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answers()  # made before the first poll
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, Sandbox]]:
    with ExitStack() as stack:
        settings = Settings(generation_seconds=GENERATION, requests_per_minute=10_000)
        yield {kind: stack.enter_context(Sandbox(settings)) for kind in KINDS}


@pytest.fixture(scope="session")
def airflow(
    hostile_url: str, services: dict[str, Sandbox], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    shutil.copytree(HERE / "dags", home / "dags")
    shutil.copy(HERE / "flaky_secrets.py", home)
    hostile = json.dumps({"conn_type": "lemondata", "host": hostile_url, "password": "sk-0123456789"})
    secret = {"conn_id": "lemondata_secret", "connection": services["secret"].connection_uri}
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(servers.postgres_database())
        except servers.ServerMissingError as error:
            pytest.skip(str(error))  # it says which server is missing here, and which variable names one
        environment = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres,
            "AIRFLOW__CORE__PARALLELISM": "12",
            "AIRFLOW__SECRETS__BACKEND": "flaky_secrets.FlakySecrets",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(secret),
            "AIRFLOW_CONN_LEMONDATA_HOSTILE": hostile,
            **{f"AIRFLOW_CONN_LEMONDATA_{kind.upper()}": services[kind].connection_uri for kind in KINDS[:2]},
            "PYTHONPATH": str(home),
        }
        yield stack.enter_context(LocalAirflow(home=home, dags=home / "dags", environment=environment))
