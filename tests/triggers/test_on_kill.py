"""A killed trigger cancels its task at LemonData if somebody ended the Airflow task, and never otherwise."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from lemondata_provider.api import calls
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.triggers.cancelling import CLEARED_WHILE_DEFERRED, unwanted_in
from lemondata_provider.triggers.task import TaskTrigger

TI = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)
REUSE = unwanted_in(True, "reuse", CLEARED_WHILE_DEFERRED)
REGENERATE = unwanted_in(True, "regenerate", CLEARED_WHILE_DEFERRED)


def killed(cancel_in: Any = REUSE, model: str = "seedance-2.0", prompt: str = "[queued]") -> TaskTrigger:
    with LemonDataHook().get_conn() as client:
        task = client.send(calls.submit_video(VideoRequest.checked(model=model, prompt=prompt)))
    trigger = TaskTrigger(task_id=task.id, poll_url=task.poll_url, deadline=time.time() + 60, cancel_in=cancel_in)
    trigger.task_instance = TI  # as the triggerer does
    return trigger


@pytest.mark.parametrize(
    ("state", "cancel_in", "deletes"),
    [
        ("failed", REUSE, 1),
        ("success", REUSE, 1),
        ("skipped", REUSE, 1),
        ("removed", REUSE, 1),
        ("deferred", REUSE, 0),
        ("running", REUSE, 0),
        ("up_for_retry", REGENERATE, 0),
        (None, REUSE, 0),
        (None, REGENERATE, 1),
        ("queued", REGENERATE, 1),
        ("failed", (), 0),
    ],
)
async def test_the_state_of_the_task_instance_decides(sandbox, supervisor, state, cancel_in, deletes):
    supervisor.states = {"r": {"t": state}}
    trigger = killed(cancel_in)
    await trigger.on_kill()
    assert sandbox.ledger.requests("cancel") == deletes
    assert sandbox.ledger.creates[0].cancelled == bool(deletes)


@pytest.mark.parametrize(
    ("model", "prompt", "said"),
    [
        ("seedance-2.0", "[queued]", "was cancelled at LemonData before it began"),
        ("seedance-2.0", "[forever]", "it is running already, or has ended, and is charged"),
        ("sora-2", "[queued]", "tasks of this model cannot be cancelled; it goes on, and is charged"),
    ],
)
async def test_the_log_says_what_came_of_it(sandbox, supervisor, model, prompt, said):
    sandbox.configure(pending_seconds=0)
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed(model=model, prompt=prompt)
    with structlog.testing.capture_logs() as logs:
        await trigger.on_kill()
    assert said in str(logs[-1]["event"])


async def test_in_doubt_nothing_is_cancelled(sandbox, supervisor):
    supervisor.refuses = True
    with structlog.testing.capture_logs() as logs:
        await killed().on_kill()
    assert sandbox.ledger.requests("cancel") == 0
    assert "Airflow did not tell who ended this" in str(logs[-1])


async def test_it_goes_on_where_airflow_cuts_it_short(sandbox, supervisor):
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed()
    sandbox.fault("slow", on="cancel", seconds=0.3)
    killing = asyncio.ensure_future(trigger.on_kill())
    while not sandbox.ledger.requests("cancel"):  # noqa: ASYNC110 # the sandbox is another thread
        await asyncio.sleep(0.01)
    for _ in range(3):
        killing.cancel()
        await asyncio.sleep(0.01)
    with suppress(asyncio.CancelledError):
        await killing
    assert sandbox.ledger.creates[0].cancelled


async def test_a_service_that_does_not_answer_holds_the_triggerer_for_a_limited_time(sandbox, supervisor):
    supervisor.states = {"r": {"t": "failed"}}
    trigger = killed()
    trigger.cancel_seconds = 0.3
    sandbox.fault("hang", on="cancel")
    await asyncio.wait_for(trigger.on_kill(), timeout=5)
    assert sandbox.ledger.requests("cancel") == 1
