"""What all tests share: an Airflow home of their own, and operators that run without an Airflow around them."""

from __future__ import annotations

import gc
import json
import os
import signal
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

# Before anything imports Airflow: it makes its home at import.
os.environ.update(
    AIRFLOW_HOME=tempfile.mkdtemp(prefix="lemondata-tests-"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
)
os.environ.pop("LEMONDATA_API_KEY", None)
if threading.current_thread() is threading.main_thread():
    # A shell without job control starts background jobs with SIGINT ignored, and the processes of our tests would
    # inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # the sandbox is no machine behind a proxy

import pytest
from hypothesis import is_hypothesis_test

from tests.task_state import TaskStateStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lemondata_provider.sandbox.server import Sandbox


class RecordingTaskInstance:
    """The part of Airflow's task instance that an operator of ours uses."""

    dag_id, task_id, run_id, map_index, max_tries = "clips", "submit", "manual__1", -1, 2
    id, try_number = "try-1", 1
    first_reschedule: Any = None

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}

    def get_first_reschedule_date(self, context: Any) -> Any:
        return self.first_reschedule

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@pytest.fixture
def context() -> dict[str, Any]:
    """A context as an operator gets it."""
    return {"ti": RecordingTaskInstance()}


@pytest.fixture
def task_state_store(context: dict[str, Any]) -> TaskStateStore:
    """A store in the context."""
    import airflow.sdk  # noqa: PLC0415 # after the home of these tests is set

    if not hasattr(airflow.sdk, "NEVER_EXPIRE"):
        pytest.skip("this Airflow has no task state store")  # 3.2, on a user's machine as here
    store = context["task_state_store"] = TaskStateStore()
    return store


class Supervisor:
    """The process that Airflow puts beside each task and trigger, as far as it is asked for states."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, str | None]] = {}
        self.asked: list[Any] = []
        self.refuses = False

    def send(self, message: Any) -> Any:
        self.asked.append(message)
        if self.refuses:
            raise RuntimeError("the API server is away")
        return SimpleNamespace(task_states=self.states)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """A supervisor, put where Airflow puts its own when a process starts."""
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 # few tests need it, and it takes its time

    running = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", running, raising=False)
    return running


@pytest.fixture
def sandbox(lemondata_connection: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A running sandbox that ``lemondata_default`` points to, with quick generations, and an empty price cache."""
    from lemondata_provider.hooks.lemondata import LemonDataHook  # noqa: PLC0415 # few tests need it
    from lemondata_provider.hooks.price_cache import PriceCache  # noqa: PLC0415 # the same

    monkeypatch.setattr(LemonDataHook, "price_cache", PriceCache(Path(os.devnull)))  # in memory only
    lemondata_connection.configure(pending_seconds=0.02, generation_seconds=0.06)
    return lemondata_connection


@pytest.fixture
def managed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, whose connection has its management token."""
    connection = {
        **json.loads(sandbox.connection_uri),
        "extra": {"management_token": sandbox.settings.management_token},
    }
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", json.dumps(connection))
    return sandbox


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The URL of a server that speaks S3."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 # few tests need it, and it takes its time

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what explores with Hypothesis, and what stores in a bucket."""
    for item in items:
        explores = isinstance(item, pytest.Function) and is_hypothesis_test(item.obj)
        if explores or "moto_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def pytest_collection() -> None:
    """Collect no garbage while tests are collected: they live until the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of collected tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the seeds of random tests: with LEMONDATA_SEED in the environment they can be run again."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "seed" and report.when == "call":
                    terminalreporter.write_line(f"LEMONDATA_SEED={value} {report.nodeid}")
