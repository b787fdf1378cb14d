"""What becomes of the task at LemonData when its Airflow task is killed in a worker, or its deadline comes."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import Any

import pytest
import structlog
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.hooks.exceptions import KilledError
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.video import SubmitVideoOperator


def operator(cls: type[SubmitVideoOperator] = SubmitVideoOperator, **fields: Any) -> SubmitVideoOperator:
    given = {"model": "seedance-2.0", "prompt": "[queued]", "wait_for_completion": True, "deferrable": False}
    return cls(task_id="submit", **{**given, "poll_interval": 0.05, **fields})


class Stop(BaseException):
    """The process is gone."""


class Killed(SubmitVideoOperator):
    """The operator, which is killed at its first poll."""

    @cached_property
    def hook(self) -> LemonDataHook:
        op = self

        class Hook(LemonDataHook):
            def poll(self, wait: Any) -> Any:
                op.on_kill()
                raise Stop

        return Hook(self.lemondata_conn_id)


def killed(context: Any, **fields: Any) -> None:
    """Run an operator until it waits for its task, and kill it then."""
    with pytest.raises(Stop):
        operator(Killed, **fields).execute(context)


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
def test_the_state_of_the_task_instance_decides(sandbox, context, supervisor, state, options, deletes):
    supervisor.states = {"manual__1": {"submit": state}}
    killed(context, **options)
    assert sandbox.ledger.requests("cancel") == deletes


def test_in_doubt_nothing_is_cancelled(sandbox, context, supervisor):
    supervisor.refuses = True
    killed(context)
    assert sandbox.ledger.requests("cancel") == 0


def test_before_it_began_there_is_nothing_to_cancel(supervisor):
    operator().on_kill()
    assert supervisor.asked == []


def test_a_task_that_has_returned_is_not_cancelled_any_more(sandbox, context, supervisor):
    supervisor.states = {"manual__1": {"submit": "success"}}  # which Airflow put there itself
    op = operator(wait_for_completion=False)
    op.execute(context)
    op.on_kill()
    assert sandbox.ledger.requests("cancel") == 0


@pytest.mark.parametrize("cancel_on_kill", [True, False])
def test_a_process_that_is_being_ended_begins_no_create(sandbox, context, cancel_on_kill):
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


def test_a_kill_in_the_middle_of_a_request_to_airflow_does_not_wait_for_ever(sandbox, context, supervisor):
    """The thread that asks has to wait until the interrupted request has ended, which is after the signal handler."""
    busy = threading.Lock()
    answer = supervisor.send

    def one_at_a_time(message: Any) -> Any:
        with busy:
            return answer(message)

    supervisor.send = one_at_a_time
    supervisor.states = {"manual__1": {"submit": "failed"}}
    op = operator(Killed)
    op.on_kill_seconds = 0.1
    kill = op.on_kill

    def in_the_middle() -> None:
        with busy:
            kill()
            assert sandbox.ledger.requests("cancel") == 0

    op.on_kill = in_the_middle
    with pytest.raises(Stop):
        op.execute(context)
    deadline = time.monotonic() + 10
    while not sandbox.ledger.creates[0].cancelled:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("on_timeout", "deletes", "said"),
    [("leave", 0, "waits for it without paying again"), ("cancel", 1, "was cancelled at LemonData before it began")],
)
def test_at_the_deadline_the_task_is_left_alone_or_cancelled(sandbox, context, on_timeout, deletes, said):
    with pytest.raises(AirflowFailException, match="The deadline came before the video") as late:
        operator(timeout=0.2, on_timeout=on_timeout).execute(context)
    assert said in str(late.value)
    assert late.value.poll_url in str(late.value)
    assert sandbox.ledger.requests("cancel") == deletes


def test_a_deadline_that_came_in_the_triggerer_cancels_too(sandbox, context):
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
def test_a_new_try_cancels_the_task_that_it_replaces_unless_that_has_ended(
    sandbox, context, task_state_store, prompt, options, answers
):
    sandbox.configure(pending_seconds=0, generation_seconds=0)
    fields = {"prompt": prompt, "on_clear": "regenerate", "wait_for_completion": False, **options}
    operator(**fields).execute(context)
    context["ti"].max_tries += 3  # as a clear does
    operator(**fields).execute(context)
    assert [call.status for call in sandbox.ledger.calls if call.kind == "cancel"] == answers
    assert len(sandbox.ledger.creates) == 2
