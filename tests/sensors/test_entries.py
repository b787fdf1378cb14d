"""What the page of videos is given by the sensor, whose video another task instance paid for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowRescheduleException, AirflowSkipException, TaskDeferred

from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.triggers.events import TaskEvent
from lemondata_provider.videos.entry import EntryState
from tests.operators.helpers import operator
from tests.videos.entries import Entries


def shown(context: Any, entries: Entries, prompt: str = "a cat", **fields: Any) -> TaskSensor:
    submitted = operator(prompt=prompt, model="veo3.1-fast", duration=4).execute(context)
    sensor = TaskSensor(task_id="wait", poll_url=submitted, **{"poke_interval": 0.05, **fields})
    sensor.write_entry = entries.write
    return sensor


@pytest.fixture
def entries() -> Entries:
    return Entries()


def test_execute_deferral_writes_entry_without_cost_and_the_resumed_process_the_end(sandbox, context, entries):
    sandbox.configure(generation_seconds=60.0)
    sensor = shown(context, entries)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    (entry,) = entries
    assert (entry.state, entry.model, entry.estimated_cost) == (EntryState.SUBMITTED, "veo3.1-fast", None)
    names = {"task_id": entry.video_task, "poll_url": entry.poll_url}
    result = {**names, "status": "completed", "video_url": "https://cdn.example/v.mp4"}
    event = TaskEvent(**names, result=result, first_progress=1e9)
    sensor.execute_complete(context, json.loads(event.model_dump_json()), **(deferral.value.kwargs or {}))
    assert entries.states == ["submitted", "completed"]
    assert (entries[1].first_progress, entries[1].estimated_cost) == (1e9, None)


def test_execute_pokes_until_done_writes_one_entry(sandbox, context, entries):
    shown(context, entries, deferrable=False, mode="poke").execute(context)
    assert entries.states == ["completed"]


def test_execute_reschedule_writes_nothing_yet(sandbox, context, entries):
    sandbox.configure(generation_seconds=60.0)
    with pytest.raises(AirflowRescheduleException):
        shown(context, entries, deferrable=False, mode="reschedule").execute(context)
    assert entries == []


@pytest.mark.parametrize("soft_fail", [False, True])
def test_execute_failed_task_writes_its_reason_also_if_it_skips(sandbox, context, entries, soft_fail):
    sensor = shown(context, entries, "a cat [fail]", deferrable=False, mode="poke", soft_fail=soft_fail)
    with pytest.raises(AirflowSkipException if soft_fail else AirflowException):
        sensor.execute(context)
    assert entries.states == ["failed"]
    assert entries[0].error
    assert entries[0].video_task
