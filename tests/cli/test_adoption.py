from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import Any

import pytest

from lemondata_provider.cli.adoption import Database, adopt, forget
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.record import Options, Record, Recovery, decide_recovery
from tests.operators.helpers import operator

ARGS = Namespace(
    dag_id="d",
    task_id="t",
    run_id="r",
    map_index=-1,
    lemondata_task_id="ldtask_7",
    poll_url=None,
    conn_id="lemondata_default",
    force=True,
)
INTENT = Record({"prompt": "x"}, max_tries=2, deadline=4e9, model="sora-2")
TASK = replace(INTENT, answered=True, task_id="ldtask_1", poll_url="/v1/tasks/ldtask_1")


class FakeDatabase(Database):
    def __init__(self, record: Record | None) -> None:
        self.record = record

    def __call__(self, args: Namespace) -> FakeDatabase:
        return self

    def read(self) -> Record | None:
        return self.record

    def write(self, record: Record) -> None:
        self.record = Record.read(record.to_json())

    def delete(self) -> None:
        self.record = None


@pytest.mark.parametrize("before", [INTENT, None], ids=["an intent", "nothing"])
@pytest.mark.parametrize("options", [Options(), Options(on_clear="regenerate")], ids=["reuse", "regenerate"])
def test_adopt_any_later_request_reattaches_after_the_clear(before, options):
    database = FakeDatabase(before)
    adopt(ARGS, database)
    assert database.record is not None
    assert (database.record.task_id, database.record.poll_url) == ("ldtask_7", "/v1/tasks/ldtask_7")
    cleared = Record({"prompt": "y"}, max_tries=5, deadline=5e9)
    assert decide_recovery(database.record, cleared, options, cleared=True) is Recovery.REATTACH


def test_forget_stored_intent_submits_again():
    database = FakeDatabase(INTENT)
    forget(ARGS, database)
    assert decide_recovery(database.record, INTENT, Options(), cleared=True) is Recovery.SUBMIT


@pytest.mark.parametrize("command", [adopt, forget])
def test_adopt_and_forget_record_with_a_task_are_refused(command):
    database = FakeDatabase(TASK)
    with pytest.raises(SystemExit, match="Nothing was changed: the record holds task ldtask_1"):
        command(ARGS, database)
    assert database.record == TASK


def test_adopt_wrong_id_before_is_replaced():
    database = FakeDatabase(replace(INTENT, task_id="ldtask_slip"))
    adopt(ARGS, database)
    assert database.record is not None
    assert database.record.task_id == "ldtask_7"
    forget(ARGS, database)
    assert database.record is None


def test_adopt_blank_id_is_refused():
    database = FakeDatabase(INTENT)
    with pytest.raises(SystemExit, match="must be the id of a task"):
        adopt(Namespace(**{**vars(ARGS), "lemondata_task_id": " "}), database)
    assert database.record == INTENT


def test_forget_without_record_is_refused():
    with pytest.raises(SystemExit, match="no submit is stored"):
        forget(ARGS, FakeDatabase(None))


# --- the task at LemonData


def looking(**changes: Any) -> Namespace:
    return Namespace(**{**vars(ARGS), "force": False, **changes})


def test_adopt_existing_task_is_polled_and_its_state_is_said(sandbox, context):
    sandbox.configure(pending_seconds=60)
    task = operator(prompt="[forever]").execute(context)
    database = FakeDatabase(INTENT)
    said = adopt(looking(lemondata_task_id=f" {task['task_id']} "), database, LemonDataHook)
    assert f"Task {task['task_id']} is adopted. It is pending at LemonData. Clear" in said
    assert database.record is not None
    assert database.record.task_id == task["task_id"]


@pytest.mark.parametrize("poll_url", [None, "/v1/tasks/ldtask_slip"])
def test_adopt_unknown_task_is_refused_with_the_reason(sandbox, poll_url):
    database = FakeDatabase(INTENT)
    with pytest.raises(SystemExit, match=r"Nothing was changed: LemonData has no task ldtask_7 .*404"):
        adopt(looking(poll_url=poll_url), database, LemonDataHook)
    assert database.record == INTENT


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "error", "status": 403, "code": "task_not_owned"}, "LemonData has no task ldtask_7 for this key"),
        ({"kind": "error", "status": 503}, "could not be polled.*; --force adopts it without a poll"),
        ({"kind": "error", "status": 401}, "could not be polled.*; --force adopts it without a poll"),
        ({"kind": "reset"}, "could not be polled.*; --force adopts it without a poll"),
    ],
)
def test_adopt_refused_or_failed_poll_changes_nothing(sandbox, fault, sentence):
    sandbox.fault(fault.pop("kind"), on="poll", times=-1, **fault)
    database = FakeDatabase(None)
    with pytest.raises(SystemExit, match=f"Nothing was changed: .*{sentence}"):
        adopt(looking(), database, LemonDataHook)
    assert database.record is None


def test_adopt_connection_not_defined_is_refused():
    with pytest.raises(SystemExit, match=r"Nothing was changed: .*'nowhere' is not defined.* --conn-id names"):
        adopt(looking(conn_id="nowhere"), FakeDatabase(INTENT), LemonDataHook)


def test_adopt_force_sends_no_request(sandbox):
    said = adopt(looking(force=True), FakeDatabase(INTENT), LemonDataHook)
    assert "Task ldtask_7 is adopted. It was not polled, because of --force. Clear" in said
    assert sandbox.ledger.requests() == 0
