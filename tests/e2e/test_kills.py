"""Which kills of a waiting Airflow task cancel its task at LemonData, and what came of it for the money."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import pytest

from harness import processes
from harness.local_airflow import LocalAirflow
from tests.e2e.kill_matrix import ON_KILL, REATTACHED, TRIGGER_ENDED, Instance, Matrix, outcomes

KINDS = {
    "queued": (200, "was cancelled at LemonData before it began."),
    "running": (409, "was not cancelled: it is running already and is charged, or has ended."),
    "other": (400, "was not cancelled: tasks of this model cannot be cancelled; it goes on, and is charged."),
}
MARKS = {f"marked_{state}": (f"marked {state}", state) for state in ("failed", "success", "skipped")}
DELETES = {  # where cancel_on_kill is on; otherwise none
    "marked failed": 1,
    "marked success": 1,
    "marked skipped": 1,
    "run marked failed": 1,
    "dagrun_timeout": 1,
    "cleared, on_clear=reuse": 0,
    "cleared, on_clear=regenerate": 1,
    "triggerer stopped": 0,
    "triggerer stalled while a second takes over": 0,
    "in a worker: marked failed": 1,
    "in a worker: cleared after it failed, on_clear=regenerate": 0,
    "in a worker: cleared while it runs, on_clear=regenerate": 1,
    "in a worker: SIGTERM to the task process": 0,
    "in a worker: SIGTERM to its supervisor": 0,
    "in a worker: SIGKILL and Airflow retry": 0,
}


@pytest.fixture(scope="module")
def matrix(airflow: LocalAirflow, sandbox: Any) -> Iterator[Matrix]:
    """Kill in every way, once for all tests."""
    sandbox.reset()
    matrix = Matrix(airflow, sandbox)
    try:
        deferred = matrix.start("kills", "deferred")
        stop_triggerer(matrix, deferred)
        with stalled_triggerer(matrix, deferred):
            clear_in_worker(matrix, kill_in_worker(matrix, "kills_worker_cancels"))
        ends = matrix.start("kills_run", "deferred")
        timed_out = matrix.start("kills_timeout", "deferred")
        with matrix.row("dagrun_timeout", timed_out, on_kill_is_over):
            mark_run(matrix, ends)
            mark(matrix, deferred)
            clear(matrix, deferred)
            kill_in_worker(matrix, "kills_worker_leaves")
        yield matrix
    finally:
        matrix.end_everything()


def on_kill_is_over(one: Instance, lines: list[str]) -> bool:
    """Say whether on_kill of a trigger has ended: it has logged the outcome, if it cancels at all."""
    return bool(outcomes(lines)) or (is_cancelled(one, lines) and not one.cancels)


def is_cancelled(_: Instance, lines: list[str]) -> bool:
    """Say whether Airflow has cancelled a trigger; it often does so twice, and then some of its lines are missing."""
    return any(ON_KILL in line or TRIGGER_ENDED in line for line in lines) or bool(outcomes(lines))


def is_reattached(_: Instance, lines: list[str]) -> bool:
    """Say whether a new try has found the task of an earlier one."""
    return any(REATTACHED in line for line in lines)


def is_paid(matrix: Matrix, times: int) -> Callable[[Instance, list[str]], bool]:
    """Return what says whether so many submits were accepted, which is the last that a new try does about the old."""
    return lambda one, _: len(matrix.tasks(one)) == times


def stop_triggerer(matrix: Matrix, deferred: list[Instance]) -> None:
    instant = time.time()
    with matrix.row("triggerer stopped", deferred, lambda one, _: matrix.is_polled_since(one, instant)):
        matrix.airflow.kill("triggerer", signal.SIGTERM)
        instant = time.time()
        matrix.airflow.restart("triggerer")


@contextmanager
def stalled_triggerer(matrix: Matrix, deferred: list[Instance]) -> Iterator[None]:
    """Let the triggerer stand still during the block and until another one has all triggers; then it goes on."""
    airflow = matrix.airflow
    first = [airflow.components["triggerer"]]
    airflow.start_another("triggerer", "triggerer-2")
    with matrix.row("triggerer stalled while a second takes over", deferred, is_cancelled):
        before = {one: triggerer_of(matrix, one) for one in deferred}
        try:
            stop_between_writes(airflow, first)
            yield
            matrix.each(deferred, lambda one: triggerer_of(matrix, one) != before[one], "the second triggerer's turn")
        finally:
            processes.send(first, signal.SIGCONT)
    airflow.kill("triggerer-2", signal.SIGTERM)
    instant = time.time()
    matrix.each(deferred, lambda one: matrix.is_polled_since(one, instant), "the first triggerer's turn")


def triggerer_of(matrix: Matrix, instance: Instance) -> int | None:
    trigger = matrix.ti(instance)["trigger"] or {}
    return trigger.get("triggerer_id")


def stop_between_writes(airflow: LocalAirflow, triggerer: list[Any]) -> None:
    """Send SIGSTOP, but not in the middle of a transaction: that would stall every other part of Airflow too."""
    for _ in range(20):
        processes.send(triggerer, signal.SIGSTOP)
        with closing(sqlite3.connect(airflow.home / "airflow.db", timeout=3)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                processes.send(triggerer, signal.SIGCONT)
            else:
                database.rollback()
                return
    raise AssertionError("The triggerer always holds the database")


def mark(matrix: Matrix, deferred: list[Instance]) -> None:
    for way, (row, state) in MARKS.items():
        instances = [one for one in deferred if one.way == way]
        with matrix.row(row, instances, on_kill_is_over):
            for one in instances:
                matrix.airflow.api("PATCH", one.path, new_state=state)


def mark_run(matrix: Matrix, instances: list[Instance]) -> None:
    with matrix.row("run marked failed", instances, on_kill_is_over):
        one = instances[0]
        matrix.airflow.api("PATCH", f"/dags/{one.dag_id}/dagRuns/{one.run_id}", state="failed")


def clear_all(matrix: Matrix, instances: list[Instance]) -> None:
    one = instances[0]
    task_ids = [instance.task_id for instance in instances]
    path = f"/dags/{one.dag_id}/clearTaskInstances"
    matrix.airflow.api("POST", path, dry_run=False, only_failed=False, dag_run_id=one.run_id, task_ids=task_ids)


def clear(matrix: Matrix, deferred: list[Instance]) -> None:
    reused = [one for one in deferred if one.way == "cleared_reuse"]
    with matrix.row("cleared, on_clear=reuse", reused, is_reattached):
        clear_all(matrix, reused)
    regenerated = [one for one in deferred if one.way == "cleared_regenerate"]
    with matrix.row("cleared, on_clear=regenerate", regenerated, is_paid(matrix, 2)):
        clear_all(matrix, regenerated)


def kill_in_worker(matrix: Matrix, dag_id: str) -> list[Instance]:
    instances = matrix.start(dag_id, "running")
    terminate(matrix, "SIGTERM to the task process", instances, lambda process: process)
    terminate(matrix, "SIGTERM to its supervisor", instances, lambda process: process.parent())
    with matrix.row("in a worker: SIGKILL and Airflow retry", instances, is_reattached):
        for one in instances:
            process_of(matrix, one).kill()
    with process_ends(matrix, "marked failed", instances):
        for one in instances:
            matrix.airflow.api("PATCH", one.path, new_state="failed")
    return instances


def clear_in_worker(matrix: Matrix, failed: list[Instance]) -> None:
    # One only: of several that are cleared at once while they run, Airflow 3.3.2 tells one try that it was cleared.
    queued = [one for one in failed if one.kind == "queued"]
    for row, paid in (("after it failed", 2), ("while it runs", 3)):
        with matrix.row(f"in a worker: cleared {row}, on_clear=regenerate", queued, is_paid(matrix, paid)):
            clear_all(matrix, queued)
    matrix.end(queued[0].dag_id, queued[0].run_id)


def terminate(matrix: Matrix, name: str, instances: list[Instance], target: Callable[[Any], Any]) -> None:
    """Send SIGTERM; that ends no process: Airflow's handler asks on_kill, and goes on."""

    def over(one: Instance, lines: list[str]) -> bool:
        return (
            process_of(matrix, one) == running[one]
            and (bool(lines) or not one.cancels)
            and matrix.is_polled_since(one, instant)
        )

    running = {one: process_of(matrix, one) for one in instances}
    with matrix.row(f"in a worker: {name}", instances, over):
        instant = time.time()
        for process in running.values():
            target(process).terminate()


@contextmanager
def process_ends(matrix: Matrix, name: str, instances: list[Instance]) -> Iterator[None]:
    running = {one: process_of(matrix, one) for one in instances}
    with matrix.row(f"in a worker: {name}", instances, lambda one, _: not running[one].is_running()):
        yield


def process_of(matrix: Matrix, instance: Instance) -> psutil.Process:
    return psutil.Process(matrix.ti(instance)["pid"])


@pytest.mark.parametrize("row", DELETES)
def test_cancel_on_kill_each_kill_sends_its_deletes_and_logs_the_outcome(matrix, row):
    seen = {kind: matrix.seen[row, kind, True] for kind in KINDS if (row, kind, True) in matrix.seen}
    assert {kind: one.answers for kind, one in seen.items()} == {kind: [KINDS[kind][0]] * DELETES[row] for kind in seen}
    for kind, one in seen.items():
        assert sum(line.endswith(KINDS[kind][1]) for line in one.said) == DELETES[row], kind


def test_cancel_on_kill_off_sends_no_delete(matrix):
    answers = {row: seen.answers for row, seen in matrix.seen.items() if not row[2]}
    assert len(answers) == len(KINDS) * (len(DELETES) - 2)  # two rows are about a clear in a worker
    assert not any(answers.values())


def test_cancel_on_kill_drained_worker_logs_that_the_task_is_not_cancelled(matrix):
    for row in ("in a worker: SIGTERM to the task process", "in a worker: SIGTERM to its supervisor"):
        said = [line for kind in KINDS for line in matrix.seen[row, kind, True].said]
        assert [line.endswith("is not cancelled: this task instance is running") for line in said] == [True] * 3


def test_kill_matrix_every_row_is_seen_and_counted(matrix, capsys):
    with capsys.disabled():
        print("", matrix.table(DELETES), sep="\n")
    assert {row for row, _, _ in matrix.seen} == set(DELETES)
    assert matrix.not_counted() == {}
