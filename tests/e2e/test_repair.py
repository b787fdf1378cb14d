"""How a user repairs a submit whose answer was lost, and what Airflow does about a refused one."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.kill_matrix import until

ASKED_SECONDS = 65.0  # longer than the client itself repeats a request
REFUSED = {"plain": -1, "mapped": 0}


@pytest.fixture(scope="module", autouse=True)
def delayed_run(airflow: Any, sandbox: Any) -> str:
    """Start a run whose submits are refused once, and asked to come back later: the other tests run meanwhile."""
    sandbox.reset()
    sandbox.fault("error", times=2, status=503, code="all_channels_failed", retryable=True, retry_after=ASKED_SECONDS)
    run_id: str = airflow.trigger("refusals")
    await_states(airflow, "refusals", run_id, {"up_for_retry"})
    return run_id


@pytest.fixture(scope="module")
def unknown_run(airflow: Any, sandbox: Any, delayed_run: str) -> str:
    """A run whose two submits were accepted, and whose answers were lost."""
    sandbox.fault("lost_answer", times=2)
    run_id: str = airflow.trigger("repairs")
    assert airflow.wait_for_run("repairs", run_id, timeout=60) == "failed"
    return run_id


def await_states(airflow: Any, dag_id: str, run_id: str, states: set[str], seconds: float = 60) -> None:
    until(
        lambda: {ti["state"] for ti in airflow.task_instances(dag_id, run_id)} == states,
        seconds,
        f"all of {dag_id} being {states}",
    )


def creates(sandbox: Any, prompt: str) -> list[str]:
    return [create.id for create in sandbox.ledger.creates if create.body["prompt"] == prompt]


def command(airflow: Any, run_id: str, task_id: str, map_index: int, verb: str) -> list[str]:
    """Take a command from the error in the log of the first try."""
    error = airflow.failures("repairs", run_id, task_id, 1, map_index)[0]
    assert "the key 'lemondata_submit'" in error
    found = re.search(rf"^ +airflow (lemondata {verb} .+)$", error, re.MULTILINE)
    assert found, error
    return shlex.split(found[1])


def clear(airflow: Any, run_id: str, task_id: str) -> dict[str, Any]:
    """Clear a task of the run, and return its task instance when it has ended."""
    path = "/dags/repairs/clearTaskInstances"
    airflow.api("POST", path, dry_run=False, only_failed=False, dag_run_id=run_id, task_ids=[task_id])

    def instance() -> dict[str, Any]:
        return next(ti for ti in airflow.task_instances("repairs", run_id) if ti["task_id"] == task_id)

    until(lambda: instance()["state"] in {"success", "failed"}, 90, f"the new try of {task_id}")
    return instance()


def test_adopt_command_from_the_log_reattaches_without_a_second_charge(airflow, sandbox, unknown_run):
    (paid,) = creates(sandbox, "adopted")
    adopt = command(airflow, unknown_run, "adopted", -1, "adopt")
    assert adopt[-1] == "ID"
    assert f"Task {paid} is adopted." in airflow.run(*adopt[:-1], paid)
    instance = clear(airflow, unknown_run, "adopted")
    assert instance["state"] == "success"  # by how many tries: Airflow itself may lose one on resuming
    assert airflow.xcom("repairs", unknown_run, "adopted")["task_id"] == paid
    assert creates(sandbox, "adopted") == [paid]


def test_forget_command_from_the_log_submits_again(airflow, sandbox, unknown_run):
    (lost,) = creates(sandbox, "forgotten")
    forget = command(airflow, unknown_run, "forgotten", 0, "forget")
    assert "The submit is forgotten." in airflow.run(*forget)
    instance = clear(airflow, unknown_run, "forgotten")
    assert instance["state"] == "success"  # by how many tries: Airflow itself may lose one on resuming
    again = airflow.xcom("repairs", unknown_run, "forgotten", 0)["task_id"]
    assert creates(sandbox, "forgotten") == [lost, again]


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (402, "insufficient_balance")])
def test_retry_policy_permanent_error_fails_at_once(airflow, sandbox, delayed_run, status, code):
    before = sandbox.ledger.requests("create", status)
    sandbox.fault("error", times=2, status=status, code=code)
    run_id = airflow.trigger("refusals")
    assert airflow.wait_for_run("refusals", run_id, timeout=60) == "failed"
    instances = airflow.task_instances("refusals", run_id)
    ends = {ti["task_id"]: (ti["map_index"], ti["state"], ti["try_number"]) for ti in instances}
    assert ends == {task_id: (index, "failed", 1) for task_id, index in REFUSED.items()}
    assert sandbox.ledger.requests("create", status) == before + 2


def test_retry_policy_retry_after_overrides_the_retry_delay(airflow, sandbox, delayed_run):
    assert airflow.wait_for_run("refusals", delayed_run, timeout=120) == "success"
    waited = {task_id: pause(airflow, delayed_run, task_id, index) for task_id, index in REFUSED.items()}
    print(f"\nAsked for {ASKED_SECONDS:g} s, waited {waited}")
    assert all(ASKED_SECONDS <= seconds < ASKED_SECONDS + 20 for seconds in waited.values())
    assert {task_id: len(creates(sandbox, task_id)) for task_id in REFUSED} == dict.fromkeys(REFUSED, 1)


def pause(airflow: Any, run_id: str, task_id: str, map_index: int) -> float:
    """Return the seconds between the end of the first try and the start of the second, the last one."""
    path = f"/dags/refusals/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}/tries"
    first, second = sorted(airflow.api("GET", path)["task_instances"], key=lambda ti: ti["try_number"])
    return (datetime.fromisoformat(second["start_date"]) - datetime.fromisoformat(first["end_date"])).total_seconds()
