"""What becomes of the task at LemonData when its Airflow task is killed in a worker, or its deadline comes."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import cached_property
from typing import Any

import pytest
import structlog
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.hooks.exceptions import KilledError, LemonDataFailException
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.video import SubmitVideoOperator


def operator(cls: type[SubmitVideoOperator] = SubmitVideoOperator, **fields: Any) -> SubmitVideoOperator:
    defaults = {"model": "seedance-2.0", "prompt": "[queued]", "wait_for_completion": True, "deferrable": False}
    return cls(task_id="submit", **{**defaults, "poll_interval": 0.05, **fields})


class Stop(BaseException):
    """The process is gone."""


class Killed(SubmitVideoOperator):
    """The operator, which is killed at its first poll; what the supervisor says changes right before."""

    supervisor: Any = None
    state = "running"

    @cached_property
    def hook(self) -> LemonDataHook:
        op = self

        class Hook(LemonDataHook):
            def poll(self, wait: Any) -> Any:
                if op.supervisor:
                    op.supervisor.states = {"manual__1": {"submit": op.state}}
                op.on_kill()
                raise Stop

        return Hook(self.lemondata_conn_id)


def killed(context: Any, supervisor: Any = None, state: str = "running", **fields: Any) -> None:
    """Run an operator until it waits for its task, and kill it then."""
    op = operator(Killed, **fields)
    op.supervisor, op.state = supervisor, state
    with pytest.raises(Stop):
        op.execute(context)


@pytest.mark.parametrize(
    ("state", "options", "deletes"),
    [
        ("failed", {}, 1),
        ("success", {}, 1),
        ("restarting", {}, 0),
        ("restarting", {"on_clear": "regenerate"}, 0),  # the new try cancels what it replaces
        ("running", {"on_clear": "regenerate"}, 0),
        ("queued", {"on_clear": "regenerate"}, 0),
        ("failed", {"cancel_on_kill": False}, 0),
    ],
)
def test_on_kill_each_task_instance_state_and_option_cancels_or_not(
    sandbox, context, supervisor, state, options, deletes
):
    killed(context, supervisor, state, **options)
    assert sandbox.ledger.requests("cancel") == deletes


def test_on_kill_state_unavailable_cancels_nothing(sandbox, context, supervisor):
    supervisor.refuses = True
    killed(context)
    assert sandbox.ledger.requests("cancel") == 0


def test_on_kill_before_execute_does_not_ask_for_the_state(supervisor):
    operator().on_kill()
    assert supervisor.asked == []


def test_on_kill_after_execute_returned_cancels_nothing(sandbox, context, supervisor):
    op = operator(wait_for_completion=False)
    op.execute(context)
    supervisor.states = {"manual__1": {"submit": "success"}}  # which Airflow put there itself
    op.on_kill()
    assert sandbox.ledger.requests("cancel") == 0


@pytest.mark.parametrize("cancel_on_kill", [True, False])
def test_on_kill_before_the_submit_sends_no_create(sandbox, context, cancel_on_kill):
    class Ending(SubmitVideoOperator):
        @cached_property
        def hook(self) -> LemonDataHook:
            op = self

            class Hook(LemonDataHook):
                def get_conn(self) -> Any:
                    op.on_kill()
                    return super().get_conn()

            return Hook(self.lemondata_conn_id)

    with pytest.raises(KilledError, match="nothing was sent"):
        operator(Ending, cancel_on_kill=cancel_on_kill).execute(context)
    assert sandbox.ledger.requests("create") == 0


def test_on_kill_before_the_submission_exists_sends_no_create(sandbox, context):
    class KilledWhileReadingItsRecord(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key == "task_state_store":
                op.on_kill()
            return super().get(key, default)

    op = operator()
    watched: Any = KilledWhileReadingItsRecord(context)
    with pytest.raises(KilledError, match="nothing was sent"):
        op.execute(watched)
    assert sandbox.ledger.requests("create") == 0


@pytest.mark.parametrize("fields", [{"wait_for_completion": False}, {"deferrable": True}, {}], ids=str)
@pytest.mark.parametrize("state", ["failed", "success", "removed"])
def test_execute_ended_by_a_user_during_the_create_cancels_once(sandbox, context, supervisor, fields, state):
    supervisor.states = {"manual__1": {"submit": state}}
    with pytest.raises(LemonDataFailException, match="A user ended this task instance") as ended:
        operator(**fields).execute(context)
    assert sandbox.ledger.requests("cancel") == 1
    assert sandbox.ledger.creates[0].id == ended.value.task_id


def test_execute_ended_by_a_user_and_killed_during_the_create_cancels_once(sandbox, context, supervisor):
    """The signal of the heartbeat waits for the answer of the create; then both say that a user ended it."""
    supervisor.states = {"manual__1": {"submit": "failed"}}

    class Signalled(SubmitVideoOperator):
        @cached_property
        def hook(self) -> LemonDataHook:
            class Hook(LemonDataHook):
                def get_conn(self) -> Any:
                    client = super().get_conn()
                    send_once = client.send_once

                    def answer_after_the_signal(call: Any) -> Any:
                        os.kill(os.getpid(), signal.SIGTERM)
                        return send_once(call)

                    client.send_once = answer_after_the_signal  # type: ignore[method-assign] # a fake
                    return client

            return Hook(self.lemondata_conn_id)

    op = operator(Signalled, deferrable=True)
    before = signal.signal(signal.SIGTERM, lambda *_: op.on_kill())
    try:
        with pytest.raises(LemonDataFailException, match="A user ended this task instance"):
            op.execute(context)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [call.status for call in sandbox.ledger.calls if call.kind == "cancel"] == [200]


def test_execute_ended_by_a_user_without_cancel_on_kill_leaves_the_task(sandbox, context, supervisor):
    supervisor.states = {"manual__1": {"submit": "failed"}}
    operator(wait_for_completion=False, cancel_on_kill=False).execute(context)
    assert sandbox.ledger.requests("cancel") == 0


def test_on_kill_during_a_request_to_airflow_times_out_and_cancels_later(sandbox, context, supervisor):
    """The thread that asks has to wait until the interrupted request has ended, which is after the signal handler."""
    busy = threading.Lock()
    answer = supervisor.send

    def one_at_a_time(message: Any) -> Any:
        with busy:
            return answer(message)

    supervisor.send = one_at_a_time

    class KilledDuringRequest(Killed):
        def on_kill(self) -> None:
            with busy:
                super().on_kill()
                assert sandbox.ledger.requests("cancel") == 0

    op = operator(KilledDuringRequest)
    op.supervisor, op.state = supervisor, "failed"
    op.on_kill_seconds = 0.1
    with pytest.raises(Stop):
        op.execute(context)
    deadline = time.monotonic() + 10
    while not sandbox.ledger.creates[0].cancelled:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("on_timeout", "deletes", "expected"),
    [("leave", 0, "waits for it without paying again"), ("cancel", 1, "was cancelled at LemonData before it began")],
)
def test_on_timeout_deadline_in_the_worker_leaves_or_cancels_the_task(sandbox, context, on_timeout, deletes, expected):
    with pytest.raises(LemonDataFailException, match="The deadline came before the video") as late:
        operator(timeout=0.2, on_timeout=on_timeout).execute(context)
    assert expected in str(late.value)
    assert late.value.poll_url in str(late.value)
    assert ("may still finish and is paid for" in str(late.value)) is (on_timeout == "leave")
    assert sandbox.ledger.requests("cancel") == deletes


def test_on_timeout_cancel_of_a_running_task_says_that_it_is_charged_and_how_to_wait(sandbox, context):
    sandbox.configure(pending_seconds=0.0)
    rendering = operator(prompt="[forever]", timeout=0.3, on_timeout="cancel")
    with pytest.raises(LemonDataFailException, match="may still finish and is paid for") as late:
        rendering.execute(context)
    assert "was not cancelled: it is running already and is charged" in str(late.value)


def test_on_timeout_deadline_in_the_triggerer_cancels_the_task(sandbox, context):
    op = operator(wait_for_completion=False, on_timeout="cancel")
    submitted = op.execute(context)
    error = {"type": "TaskTimeoutError", "message": "late", "task_id": submitted["task_id"]}
    event = {"task_id": submitted["task_id"], "poll_url": submitted["poll_url"], "error": error}
    with structlog.testing.capture_logs(), pytest.raises(AirflowFailException, match="was cancelled at LemonData"):
        op.execute_complete(context, event=event, submitted=submitted)
    assert sandbox.ledger.creates[0].cancelled


@pytest.mark.parametrize(
    ("prompt", "options", "answers"),
    [
        ("[queued]", {}, [200]),
        ("[forever]", {}, [409]),
        ("done", {}, []),
        ("[queued]", {"cancel_on_kill": False}, []),
    ],
)
def test_on_clear_regenerate_cancels_the_replaced_task_unless_it_ended(
    sandbox, context, task_state_store, prompt, options, answers
):
    sandbox.configure(pending_seconds=0, generation_seconds=0)
    fields = {"prompt": prompt, "on_clear": "regenerate", "wait_for_completion": False, **options}
    operator(**fields).execute(context)
    context["ti"].max_tries += 3  # as a clear does
    operator(**fields).execute(context)
    assert [call.status for call in sandbox.ledger.calls if call.kind == "cancel"] == answers
    assert len(sandbox.ledger.creates) == 2
