"""Neither the key nor the payload of inline media is left anywhere that people or backups can read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import KEY
from tests.e2e.dags.inline_media import picture

PAYLOAD = picture().partition(",")[2]


def trigger_rows(home: Path) -> list[str]:
    """Return the arguments of the waiting triggers, which Airflow keeps in clear."""
    with sqlite3.connect(home / "airflow.db") as database:
        return [kwargs for (kwargs,) in database.execute("SELECT kwargs FROM trigger").fetchall()]


@pytest.fixture(scope="module")
def finished_run(airflow: Any, sandbox: Any) -> list[str]:
    """Run the DAG, and return what the trigger rows said meanwhile."""
    sandbox.reset()
    run_id = airflow.trigger("inline_media")
    seen: list[str] = []
    airflow.wait_for_run("inline_media", run_id, timeout=120, on_tick=lambda: seen.extend(trigger_rows(airflow.home)))
    states = {ti["task_id"]: ti["state"] for ti in airflow.task_instances("inline_media", run_id)}
    failing = {"refused", "unknown_model", "no_url", "waiting"}
    assert states == {task_id: "failed" if task_id in failing else "success" for task_id in states}
    return seen


def traces_in(content: bytes) -> list[str]:
    """Return what was found of the secrets, in any of the spellings that files hold."""
    wanted = {"key": KEY, "payload": PAYLOAD[:24], "end of the payload": PAYLOAD[-24:]}
    return [name for name, secret in wanted.items() if secret.encode() in content]


def test_trigger_rows_waiting_task_hold_neither_key_nor_payload(finished_run):
    assert finished_run
    assert any("ldtask_" in row for row in finished_run)
    assert traces_in("".join(finished_run).encode()) == []


def test_database_finished_run_holds_neither_key_nor_payload(finished_run, airflow):
    with sqlite3.connect(airflow.home / "airflow.db") as database:
        dump = "\n".join(database.iterdump())
    assert "(3000 bytes, sha256 " in dump  # the search below reads the right place
    assert traces_in(dump.encode()) == []
    for file in airflow.home.glob("airflow.db*"):
        assert traces_in(file.read_bytes()) == [], file.name


def test_logs_finished_run_hold_neither_key_nor_payload(finished_run, airflow):
    logs = [path for path in (airflow.home / "logs").rglob("*") if path.is_file()]
    assert any("data:image/png;base64," in path.read_text(errors="replace") for path in logs)
    assert {path.name: traces_in(path.read_bytes()) for path in logs if traces_in(path.read_bytes())} == {}


def test_airflow_home_finished_run_holds_neither_key_nor_payload(finished_run, airflow):
    files = [path for path in airflow.home.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert [str(path) for path in files if traces_in(path.read_bytes())] == []
