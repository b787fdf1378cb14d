"""Nothing is paid for twice, wherever a task process or the triggerer is killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings
from tests.e2e.dags.crash_cells import CELLS, DAG_IDS, DEFERRED, QUICK, STORING, Cell, Outcome
from tests.e2e.evidence import creates, mismatches, polled, states
from tests.e2e.killer import Killer, Piece, until

# Seconds of generation. Airflow fails a task that resumes before Airflow knows that it deferred, and may know that 5 s
# late (see `mismatches`): what defers needs longer videos than that, or it is not the killing that is tested. The first
# execution call of an API server takes a quarter of a minute, so the long ones last until all have deferred after it.
# The short ones outlast the first poll of a worker, also on a machine that is busy.
LONG, MIDDLE, SHORT = 75, 12, 6
TASK_PROCESS, TRIGGERER = "task process", "triggerer"


class Matrix(NamedTuple):
    """What became of every piece of work: what of it was killed, how it ended, and the tries that Airflow lost."""

    killed: dict[Piece, str]
    ended: dict[Piece, Outcome]
    lost: Counter[Piece]


def pieces(cells: Iterable[Cell]) -> dict[Piece, Cell]:
    return {(cell.task_id, map_index): cell for cell in cells for map_index in cell.map_indexes}


HIT_WHILE_DEFERRED = pieces(cell for cell in CELLS if cell.point == DEFERRED)


@pytest.fixture(scope="module")
def quick(airflow: LocalAirflow) -> Iterator[Sandbox]:
    """Another sandbox, whose videos need hardly any time."""
    with Sandbox(Settings(generation_seconds=SHORT)) as running:
        there = {"host": running.url, "password": running.api_key}
        airflow.api("POST", "/connections", connection_id=QUICK, conn_type="lemondata", **there)
        yield running


@pytest.fixture(scope="module")
def matrix(airflow: LocalAirflow, sandbox: Sandbox, quick: Sandbox) -> Matrix:
    """Run all cells together, and kill each where it stops."""
    sandbox.reset()
    sandbox.configure(generation_seconds=LONG)
    killer = Killer(airflow.home, *DAG_IDS)
    first, second = DAG_IDS
    runs = {first: airflow.trigger(first)}
    until(lambda: all_are_deferred(airflow, sandbox, first, runs[first]), LONG, "Deferring")
    airflow.kill("triggerer")
    airflow.restart("triggerer")
    sandbox.configure(generation_seconds=MIDDLE)
    runs[second] = airflow.trigger(second)
    for dag_id, run_id in runs.items():
        airflow.wait_for_run(dag_id, run_id, timeout=240, on_tick=killer.kill)
    killed = dict.fromkeys(killer.killed, TASK_PROCESS) | dict.fromkeys(HIT_WHILE_DEFERRED, TRIGGERER)
    mismatched = sum((mismatches(airflow, dag_id, run_id) for dag_id, run_id in runs.items()), Counter[Piece]())
    ended = outcomes(airflow, runs, creates(sandbox, quick))
    more_tries = Counter({piece: ended[piece].tries - cell.outcome.tries for piece, cell in pieces(CELLS).items()})
    return Matrix(killed, ended, lost=more_tries & (mismatched - Counter(killer.killed)))


def all_are_deferred(airflow: LocalAirflow, sandbox: Sandbox, dag_id: str, run_id: str) -> bool:
    """Say whether the triggerer waits for all that is to be hit then, and has polled each of their tasks."""
    prompts = [cell.prompt(map_index) for (_, map_index), cell in HIT_WHILE_DEFERRED.items()]
    if not polled(sandbox, prompts, times=2):  # a sensor polls once before it defers
        return False
    now = states(airflow, dag_id, run_id)
    return {now[piece] for piece in HIT_WHILE_DEFERRED} == {"deferred"}


def outcomes(airflow: LocalAirflow, runs: dict[str, str], paid: Counter[str]) -> dict[Piece, Outcome]:
    """Return how many creates each piece of work cost, how it ended and after how many tries."""
    instances = [ti for dag_id, run_id in runs.items() for ti in airflow.task_instances(dag_id, run_id)]
    known = {(ti["task_id"], ti["map_index"]): ti for ti in instances}
    found = {}
    for (task_id, map_index), cell in pieces(CELLS).items():
        ti = known[task_id, map_index]
        end, tries = ti["state"], ti["try_number"]
        if end == "failed":
            failures = airflow.failures(cell.dag_id, runs[cell.dag_id], task_id, tries, map_index)
            end = "unknown" if any("it may have been charged" in failure for failure in failures) else end
        found[task_id, map_index] = Outcome(paid[cell.prompt(map_index)], end, tries)
    return found


def expected(cell: Cell, lost: int) -> Outcome:
    """Return what a piece of work must come to where Airflow itself lost some tries as well."""
    paid, end, tries = cell.outcome
    return Outcome(paid if cell.durable else paid + lost, end, tries + lost)


def test_crash_matrix_every_cell_is_killed_at_its_point(matrix):
    aimed_at = {piece: TRIGGERER if cell.point == DEFERRED else TASK_PROCESS for piece, cell in pieces(CELLS).items()}
    assert matrix.killed == aimed_at


def test_crash_matrix_durable_task_is_charged_at_most_once(matrix):
    durable = {piece: matrix.ended[piece] for piece, cell in pieces(CELLS).items() if cell.durable}
    assert {piece: outcome for piece, outcome in durable.items() if outcome.creates > 1} == {}


def test_crash_matrix_every_cell_ends_as_expected(matrix, capsys):
    with capsys.disabled():
        print(f"\n{table(matrix)}")
    wanted = {piece: expected(cell, matrix.lost[piece]) for piece, cell in pieces(CELLS).items()}
    assert {piece: outcome for piece, outcome in matrix.ended.items() if outcome != wanted[piece]} == {}


def test_crash_matrix_every_stored_video_is_there_and_whole(matrix, airflow):
    stored = {piece: cell for piece, cell in pieces(CELLS).items() if cell.point in STORING}
    files = [airflow.home / "clips" / f"{task_id}-{map_index}.mp4" for task_id, map_index in stored]
    sizes = {json.loads(Path(f"{file}.json").read_text())["size"] - file.stat().st_size for file in files}
    assert sizes == {0}


def table(matrix: Matrix) -> str:
    """Return a line for each cell, the durable task beside the one that is not."""
    columns = ["killed", "who waits", "", "creates", "end", "tries", "creates, not durable", "end", "tries"]
    rows = [columns, ["---"] * len(columns)]
    for (point, way, mapped), cells in groupby(CELLS, lambda cell: cell[:3]):
        durable, *other = (outcome_of(matrix, cell) for cell in cells)
        rows.append([point, way.name, "mapped" if mapped else "plain", *durable, *(other[0] if other else "---")])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, f"Tries that Airflow itself lost: {matrix.lost.total()} ({dict(matrix.lost)})"])


def outcome_of(matrix: Matrix, cell: Cell) -> list[str]:
    """Return what the pieces of a cell came to, said once where they agree."""
    outcomes = [matrix.ended[piece] for piece in pieces([cell])]
    return [" / ".join(dict.fromkeys(map(str, values))) for values in zip(*outcomes, strict=True)]
