"""What the page of videos is given by the operator: at submit, at the end and at a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferred

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.redaction import shield
from lemondata_provider.hooks.exceptions import LemonDataFailException, error_behind
from lemondata_provider.triggers.events import TaskEvent
from lemondata_provider.videos.entry import EntryState
from tests.operators.helpers import operator
from tests.videos.entries import Entries

ANSWER = {
    "status": "completed",
    "billing_transaction_id": "txn_1",
    "video_url": "https://cdn.example/v.mp4",
    "videos": [{"url": "https://cdn.example/v.mp4"}],
}


def end(*_: Any) -> None:
    """Write an entry when Airflow's timeout comes."""
    raise AirflowTaskTimeout


def fail_to_make(*_: Any) -> None:
    raise OverflowError("no entry can be made of this")


@pytest.fixture
def entries() -> Entries:
    return Entries()


def shown(entries: Entries, **fields: Any) -> Any:
    op = operator(**{"model": "veo3.1-fast", "duration": 4, **fields})
    op.write_entry = entries.write
    return op


def resume(entries: Entries, context: Any, deferral: TaskDeferred, **changes: Any) -> Any:
    """Resume in another process, where the operator has its arguments again and nothing else."""
    kwargs = {**json.loads(json.dumps(deferral.kwargs)), **changes}
    submitted = kwargs["submitted"]
    names = {"task_id": submitted["task_id"], "poll_url": submitted["poll_url"]}
    event = TaskEvent(**names, result={**ANSWER, **names}, first_progress=1e9).model_dump(mode="json")
    return shown(entries, prompt="another process").execute_complete(context, event=event, **kwargs)


def deferred(op: Any, context: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferral:
        op.execute(context)
    return deferral.value


def test_execute_without_wait_writes_one_entry_that_names_the_task(sandbox, context, entries):
    result = shown(entries, duration=4, seed=7).execute(context)
    (entry,) = entries
    assert (entry.state, entry.video_task, entry.poll_url) == (
        EntryState.SUBMITTED,
        result["task_id"],
        result["poll_url"],
    )
    assert (entry.prompt, dict(entry.request), entry.operation) == (
        "a cat",
        {"duration": 4, "seed": 7},
        "text-to-video",
    )
    assert entry.estimated_cost == result["estimated_cost_usd"]
    assert entry.created


def test_execute_deferral_writes_one_entry_and_the_resumed_process_another_with_the_same_request(
    sandbox, context, entries
):
    deferral = deferred(shown(entries, wait_for_completion=True, duration=4), context)
    assert entries.states == ["submitted"]
    resume(entries, context, deferral)
    assert entries.states == ["submitted", "completed"]
    before, after = entries
    for name in ("prompt", "request", "video_task", "created", "estimated_cost", "model", "operation"):
        assert getattr(before, name) == getattr(after, name)
    assert (before.billing_transaction, after.billing_transaction) == (None, "txn_1")
    assert (after.first_progress, after.remote_url) == (1e9, "https://cdn.example/v.mp4")
    assert after.ended


def test_execute_complete_deferral_of_an_older_version_writes_what_is_known(sandbox, context, entries):
    deferral = deferred(shown(entries, wait_for_completion=True), context)
    del deferral.kwargs["entry"]  # type: ignore[union-attr] # Airflow types it as optional
    resume(entries, context, deferral)
    assert (entries[-1].state, entries[-1].video_task) == (EntryState.COMPLETED, entries[0].video_task)


@pytest.mark.parametrize("fields", [{"seed": "{{ x }}"}, {"model": "no-such-model", "validation": "off"}])
def test_execute_refused_request_writes_a_failure_that_cost_nothing(sandbox, context, entries, fields):
    with pytest.raises((LemonDataFailException, LemonDataError)) as failure:
        shown(entries, **fields).execute(context)
    (entry,) = entries
    assert (entry.state, entry.video_task, entry.estimated_cost) == (EntryState.FAILED, None, None)
    error = error_behind(failure.value)
    assert entry.error
    assert error
    assert entry.error.message == error.message


def test_execute_lost_answer_writes_unknown(sandbox, context, entries):
    sandbox.fault("lost_answer")
    with pytest.raises(LemonDataFailException):
        shown(entries).execute(context)
    assert entries.states == ["unknown"]


def test_execute_failed_generation_keeps_its_task_and_costs_nothing(sandbox, context, entries):
    op = shown(entries, prompt="a cat [fail]", wait_for_completion=True, deferrable=False)
    with pytest.raises(LemonDataFailException):
        op.execute(context)
    assert entries.states == ["submitted", "failed"]
    assert entries[-1].video_task == entries[0].video_task
    assert entries[0].estimated_cost
    assert entries[-1].estimated_cost is None


def test_execute_output_error_after_paying_keeps_task_and_cost(sandbox, context, entries, tmp_path):
    op = shown(entries, output_path=str(tmp_path / "v.mp4"), wait_for_completion=True, deferrable=False, max_bytes=1)
    with pytest.raises(LemonDataFailException):
        op.execute(context)
    assert entries.states == ["submitted", "failed"]
    assert entries[-1].video_task
    assert (entries[-1].billing_transaction or "").startswith("txn_")
    assert entries[-1].estimated_cost == entries[0].estimated_cost is not None


def test_execute_stored_video_then_its_file_of_another_run_costs_once(sandbox, context, entries, tmp_path):
    fields = {"output_path": str(tmp_path / "v.mp4"), "wait_for_completion": True, "deferrable": False}
    shown(entries, **fields).execute(context)
    shown(entries, **fields).execute(context)
    stored, skipped = entries[-2:]
    assert stored.state is skipped.state is EntryState.COMPLETED
    assert (stored.skipped, skipped.skipped) == (False, True)
    assert stored.billing_transaction
    assert skipped.billing_transaction is None
    assert stored.estimated_cost
    assert skipped.estimated_cost is None
    assert (stored.file, stored.size) == (skipped.file, skipped.size)
    assert stored.stored
    assert skipped.stored is None


def test_execute_reattached_and_regenerated_keep_what_was_paid(sandbox, context, task_state_store, entries):
    first = shown(entries).execute(context)
    context["ti"].try_number = 2
    shown(entries).execute(context)
    assert entries[1].video_task == entries[0].video_task
    assert entries[1].estimated_cost == entries[0].estimated_cost
    assert entries[1].earlier == ()
    context["ti"].max_tries += 3
    shown(entries, on_clear="regenerate").execute(context)
    context["ti"].try_number = 4
    shown(entries, on_clear="regenerate").execute(context)
    for entry in entries[2:]:
        assert entry.video_task != first["task_id"]
        assert [paid.video_task for paid in entry.earlier] == [first["task_id"]]
        assert entry.earlier[0].cost == entries[0].estimated_cost
        assert entry.earlier[0].at


def test_execute_changed_retry_writes_failure_with_what_was_paid_before(sandbox, context, task_state_store, entries):
    first = shown(entries).execute(context)
    context["ti"].try_number = 2
    with pytest.raises(LemonDataFailException):
        shown(entries, prompt="a dog").execute(context)
    assert entries[-1].state is EntryState.FAILED
    assert [paid.video_task for paid in entries[-1].earlier] == [first["task_id"]]


@pytest.mark.parametrize("wait", [False, True])
def test_execute_writer_fails_changes_nothing(sandbox, context, wait, caplog):
    op = operator(wait_for_completion=wait, deferrable=False)

    def fail(task_instance: Any, entry: Any) -> None:
        raise RuntimeError("the API server is away")

    op.write_entry = fail
    assert op.execute(context)["task_id"]
    assert len(sandbox.ledger.creates) == 1


def test_execute_timeout_while_the_entry_before_a_wait_is_written_ends_the_task(sandbox, context):
    op = operator(wait_for_completion=True)
    op.write_entry = end
    with pytest.raises((AirflowTaskTimeout, LemonDataFailException)):
        op.execute(context)


@pytest.mark.parametrize(("value", "prompt"), [("False", None), ("True", "a cat"), ("what", None)])
def test_record_prompts_off_or_wrong_writes_no_prompt(sandbox, context, entries, monkeypatch, value, prompt):
    monkeypatch.setenv("AIRFLOW__LEMONDATA__RECORD_PROMPTS", value)
    deferral = deferred(shown(entries, wait_for_completion=True, negative_prompt="dogs"), context)
    assert entries[0].prompt == prompt
    assert ("negative_prompt" in entries[0].request) is bool(prompt)
    assert ("a cat" in json.dumps(deferral.kwargs)) is bool(prompt)


def test_execute_timeout_while_the_last_entry_is_written_keeps_the_result(sandbox, context):
    op = shown(Entries())
    op.write_entry = end
    assert op.execute(context)["task_id"] == sandbox.ledger.creates[0].id


def test_execute_complete_timeout_while_the_last_entry_is_written_keeps_the_end(sandbox, context, entries):
    deferral = deferred(shown(entries, wait_for_completion=True), context)
    op = shown(entries)
    op.write_entry = end
    kwargs: dict[str, Any] = deferral.kwargs or {}
    names = {name: kwargs["submitted"][name] for name in ("task_id", "poll_url")}
    done = TaskEvent(**names, result={**ANSWER, **names}).model_dump(mode="json")
    assert op.execute_complete(context, event=done, **kwargs)["video_url"]
    failed = TaskEvent(**names, error=LemonDataError("It failed.", **names).to_dict()).model_dump(mode="json")
    with pytest.raises(Exception, match="It failed") as raised:
        op.execute_complete(context, event=failed, **kwargs)
    assert not isinstance(raised.value, AirflowTaskTimeout)


def test_execute_prompt_with_media_and_a_secret_shows_neither(sandbox, context, entries, mocker):
    mocker.patch(
        "lemondata_provider.videos.mixin.mask_secrets",
        lambda values: {
            name: value.replace("hunter2", "***") if isinstance(value, str) else value for name, value in values.items()
        },
    )
    op = shown(entries)
    op.prompt = shield("hunter2 and data:image/png;base64,AAAA")
    op.execute(context)
    assert entries[-1].prompt is not None
    assert "***" in entries[-1].prompt
    assert not {"hunter2", "AAAA"} & set(entries[-1].prompt.replace(",", " ").split())


def test_execute_complete_entry_cannot_be_made_the_paid_video_is_returned(sandbox, context, entries):
    deferral = deferred(shown(entries, wait_for_completion=True), context)
    kwargs: dict[str, Any] = deferral.kwargs or {}
    names = {name: kwargs["submitted"][name] for name in ("task_id", "poll_url")}
    done = TaskEvent(**names, result={**ANSWER, **names}, first_progress=1e9).model_dump(mode="json")
    op = shown(entries)
    op.asked_entry = fail_to_make
    result = op.execute_complete(context, event=done, submitted=kwargs["submitted"])
    assert result["video_url"]


def test_execute_entry_cannot_be_made_the_submit_defers(sandbox, context, entries):
    op = shown(entries, wait_for_completion=True)
    op.asked_entry = fail_to_make
    assert deferred(op, context).kwargs["entry"] == {}  # type: ignore[index] # Airflow types it as optional
    assert len(sandbox.ledger.creates) == 1
