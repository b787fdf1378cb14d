"""A killed trigger cancels its task at LemonData only if a user ended the Airflow task."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from lemondata_provider.api import calls
from lemondata_provider.api.polling import TaskPoller, TaskWait
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.triggers.task import TaskTrigger
from tests.triggers.doubles import until

TI: Any = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)


def killed(cancel_on_kill: bool = True, model: str = "seedance-2.0", prompt: str = "[queued]") -> TaskTrigger:
    with LemonDataHook().get_conn() as client:
        task = client.send(calls.submit_video(VideoRequest.checked(model=model, prompt=prompt)))
    poller = TaskPoller(TaskWait(task.id, task.poll_url, "lemondata_default", time.time() + 60, 0.05))
    trigger = TaskTrigger.after_poll(poller, cancel_on_kill)
    trigger.task_instance = TI  # as the triggerer does
    return trigger


@pytest.mark.parametrize(
    ("state", "cancel_on_kill", "deletes"),
    [
        ("failed", True, 1),
        ("success", True, 1),
        ("skipped", True, 1),
        ("removed", True, 1),
        ("deferred", True, 0),
        ("running", True, 0),
        ("up_for_retry", True, 0),
        (None, True, 0),
        ("queued", True, 0),
        ("failed", False, 0),
    ],
)
async def test_on_kill_each_task_instance_state_cancels_or_not(sandbox, supervisor, state, cancel_on_kill, deletes):
    supervisor.states = {"r": {"t": state}}
    trigger = killed(cancel_on_kill)
    await trigger.on_kill()
    assert sandbox.ledger.requests("cancel") == deletes
    assert sandbox.ledger.creates[0].cancelled == bool(deletes)


@pytest.mark.parametrize(
    ("model", "prompt", "expected"),
    [
        ("seedance-2.0", "[queued]", "was cancelled at LemonData before it began"),
        ("seedance-2.0", "[forever]", "it is running already and is charged, or has ended"),
        ("sora-2", "[queued]", "tasks of this model cannot be cancelled; it goes on, and is charged"),
    ],
)
async def test_on_kill_each_outcome_is_logged(sandbox, supervisor, model, prompt, expected):
    sandbox.configure(pending_seconds=0)
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed(model=model, prompt=prompt)
    with structlog.testing.capture_logs() as logs:
        await trigger.on_kill()
    assert expected in str(logs[-1]["event"])


async def test_on_kill_state_unavailable_cancels_nothing(sandbox, supervisor):
    supervisor.refuses = True
    with structlog.testing.capture_logs() as logs:
        await killed().on_kill()
    assert sandbox.ledger.requests("cancel") == 0
    assert "Airflow did not return the state" in str(logs[-1])


async def test_on_kill_interrupted_by_airflow_still_cancels(sandbox, supervisor):
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed()
    sandbox.fault("slow", on="cancel", seconds=0.3)
    killing = asyncio.ensure_future(trigger.on_kill())
    await until(lambda: sandbox.ledger.requests("cancel"))
    for _ in range(3):
        killing.cancel()
        await asyncio.sleep(0.01)
    with suppress(asyncio.CancelledError):
        await killing
    assert sandbox.ledger.creates[0].cancelled


async def test_run_cancelled_by_user_cancels_once_even_without_on_kill(sandbox, supervisor):
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed()
    running = asyncio.ensure_future(anext(trigger.run()))
    await until(lambda: sandbox.ledger.requests("poll"))
    running.cancel("user-action")  # as the triggerer does
    with suppress(asyncio.CancelledError):
        await running
    await until(lambda: sandbox.ledger.creates[0].cancelled)
    await trigger.on_kill()
    assert sandbox.ledger.requests("cancel") == 1


async def test_run_triggerer_stops_does_not_ask_for_the_state(sandbox, supervisor):
    trigger = killed()
    running = asyncio.ensure_future(anext(trigger.run()))
    await asyncio.sleep(0.05)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert trigger._cancelling is None


async def test_on_kill_hanging_service_times_out(sandbox, supervisor):
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed()
    trigger.cancel_timeout = 0.3
    sandbox.fault("hang", on="cancel")
    await asyncio.wait_for(trigger.on_kill(), timeout=5)
    assert sandbox.ledger.requests("cancel") == 1
