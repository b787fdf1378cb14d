"""A real Airflow: healthy, runs a DAG, survives the loss of a component, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import processes
from harness.local_airflow import COMPONENTS, LocalAirflow

pytestmark = pytest.mark.e2e

DAG = """
from airflow.sdk import dag, task

@dag(schedule=None)
def doubling():
    @task
    def double(number, dag_run=None):
        print("doubling", number)
        if not dag_run.conf.get("luck", True):
            raise ValueError("no luck")
        return 2 * number

    double.expand(number=[1, 2])

doubling()
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    (folder / "doubling.py").write_text(DAG)
    return folder


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, dags: Path) -> Iterator[LocalAirflow]:
    with LocalAirflow(home=tmp_path_factory.mktemp("home"), dags=dags) as airflow:
        yield airflow
    assert processes.marked(airflow.mark) == []


def test_trigger_successful_run_has_task_instances_xcoms_and_logs(airflow: LocalAirflow) -> None:
    run = airflow.trigger("doubling")
    assert airflow.wait_for_run("doubling", run, timeout=60) == "success"

    instances = airflow.task_instances("doubling", run)
    assert sorted((one["map_index"], one["state"]) for one in instances) == [(0, "success"), (1, "success")]
    assert [airflow.xcom("doubling", run, "double", index) for index in (0, 1)] == [2, 4]
    assert "doubling 2" in airflow.log("doubling", run, "double", try_number=1, map_index=1)


def test_failures_failed_try_has_the_error(airflow: LocalAirflow) -> None:
    run = airflow.trigger("doubling", conf={"luck": False})
    assert airflow.wait_for_run("doubling", run, timeout=60) == "failed"

    assert airflow.failures("doubling", run, "double", 1, 0)[-1] == "ValueError: no luck"
    assert "in double\nValueError: no luck" in airflow.log("doubling", run, "double", 1, 0)


def test_components_running_listen_on_the_loopback_address_only(airflow: LocalAirflow) -> None:
    listening = {
        connection.laddr.ip
        for process in processes.marked(airflow.mark)
        for connection in process.net_connections()
        if connection.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}


def test_restart_killed_component_is_healthy(airflow: LocalAirflow) -> None:
    before = airflow.components["triggerer"].pid
    airflow.kill("triggerer")
    assert not [process for process in processes.marked(airflow.mark) if process.pid == before]

    airflow.restart("triggerer")
    airflow.wait_until_healthy()
    assert set(airflow.components) == set(COMPONENTS)
    assert airflow.components["triggerer"].pid != before


def test_trigger_dag_with_import_error_raises_with_the_error(airflow: LocalAirflow, dags: Path) -> None:
    (dags / "broken.py").write_text("from airflow.sdk import dag\nraise ValueError('no such luck')")
    with pytest.raises(RuntimeError, match="no such luck"):
        airflow.trigger("broken")


@pytest.mark.parametrize(
    ("number", "running"),
    [(signal.SIGTERM, 1), (signal.SIGINT, len(COMPONENTS))],
    ids=["terminated during db migrate", "interrupted during start-up"],
)
def test_local_airflow_signal_to_the_starter_ends_every_process(
    tmp_path: Path, dags: Path, number: signal.Signals, running: int
) -> None:
    script = f"""
        from pathlib import Path
        from harness.local_airflow import LocalAirflow
        with LocalAirflow(home=Path({str(tmp_path)!r}), dags=Path({str(dags)!r})):
            pass
    """
    starter = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.DEVNULL,
    )
    while len(processes.marked(str(tmp_path))) < running:
        assert starter.poll() is None
        time.sleep(0.1)
    starter.send_signal(number)
    # Python reports an uncaught KeyboardInterrupt by dying of the signal itself.
    assert starter.wait(timeout=30) in {128 + number, -number}
    assert processes.marked(str(tmp_path)) == []


def test_processes_end_orphan_of_an_earlier_starter_is_ended(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    orphan = processes.spawn(["sleep", "60"], mark="here", environment=environment, output=tmp_path / "out")
    processes.end("here")
    # A process that was only just started may miss the first signal; the second comes in any case.
    assert orphan.wait(timeout=5) in (-signal.SIGTERM, -signal.SIGKILL)
    assert processes.marked("here") == []


def trapping(trap: str, mark: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a shell that traps SIGTERM, and wait until it does."""
    shell = processes.spawn(
        ["sh", "-c", f"trap '{trap}' TERM; touch ready; while :; do sleep 0.05; done"],
        mark=mark,
        environment={"PATH": os.environ["PATH"]},
        output=folder / "out",
    )
    until = time.monotonic() + 10
    while not (folder / "ready").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return shell


def test_processes_end_process_ignoring_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = trapping("", "deaf", tmp_path)
    processes.end("deaf", [deaf], patience=0.5)
    assert deaf.returncode == -signal.SIGKILL
    assert processes.marked("deaf") == []


def test_processes_end_exiting_process_is_waited_for(tmp_path: Path) -> None:
    """A dying process loses its environment, and so its mark, a moment before it can be reaped."""
    dying = trapping("sleep 0.3; exit 3", "lost", tmp_path)
    processes.end("another mark", [dying])
    assert dying.returncode == 3
