"""What was paid for, polled, stored and lost: read from the sandbox's ledger and from Airflow's API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from tests.e2e.killer import Piece


def creates(*sandboxes: Sandbox) -> Counter[str]:
    """Count the creates of each prompt."""
    return Counter(create.body["prompt"] for sandbox in sandboxes for create in sandbox.ledger.creates)


def polled(sandbox: Sandbox, prompts: Iterable[str], times: int = 1) -> bool:
    """Say whether there is a task for each of these prompts that was polled so often."""
    ledger = sandbox.ledger
    ids = {create.body["prompt"]: create.id for create in ledger.creates}
    paths = [call.path for call in ledger.calls if call.kind == "poll"]
    return all(prompt in ids and sum(ids[prompt] in path for path in paths) >= times for prompt in prompts)


def states(airflow: LocalAirflow, dag_id: str, run_id: str) -> dict[Piece, str]:
    """Return the state of every task instance."""
    return {(ti["task_id"], ti["map_index"]): ti["state"] for ti in airflow.task_instances(dag_id, run_id)}


def mismatches(airflow: LocalAirflow, dag_id: str, run_id: str) -> Counter[Piece]:
    """
    Count the tries that the executor called finished while Airflow took them for unfinished, and so failed them.

    These are the killed ones, and those that Airflow itself fails on resuming (apache/airflow#67287): "finished with
    state success, but the task instance's state attribute is queued".
    """
    events: list[dict[str, Any]] = []
    while True:
        page = airflow.api(
            "GET", "/eventLogs", event="state mismatch", dag_id=dag_id, run_id=run_id, offset=len(events)
        )
        events += page["event_logs"]
        if not page["event_logs"]:
            return Counter((event["task_id"], event["map_index"]) for event in events)
