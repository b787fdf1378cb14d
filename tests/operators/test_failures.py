"""Which errors of an operator a retry may repeat, and which fail the Airflow task at once."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from lemondata_provider.api.errors import APIError, ConfigurationError, RateLimitError, TaskFailedError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.version_compat import HAS_RETRY_POLICIES
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import operator


def policy_action(op: SubmitVideoOperator, error: Exception) -> str:
    assert op.retry_policy is not None
    return op.retry_policy.evaluate(error, 1, 3).action.value


def fails_at_once(op: SubmitVideoOperator, error: Exception) -> bool:
    """Return whether this error fails the task without a retry, by its class or by the retry policy."""
    return isinstance(error, AirflowFailException) or policy_action(op, error) == "fail"


def test_execute_failed_task_fails_without_retry_with_the_reason(sandbox, context):
    with pytest.raises(LemonDataFailException, match="the sky is missing") as failure:
        operator(prompt="[fail:the sky is missing]", wait_for_completion=True, deferrable=False).execute(context)
    assert failure.value.task_id == sandbox.ledger.creates[0].id
    assert failure.value.poll_url == f"/v1/tasks/{failure.value.task_id}"
    again = pickle.loads(pickle.dumps(failure.value))  # noqa: S301 # our own exception
    assert (str(again), again.poll_url, type(again.error)) == (
        str(failure.value),
        failure.value.poll_url,
        type(failure.value.error),
    )


def test_timeout_in_the_worker_fails_and_names_the_sensor(sandbox, context):
    with pytest.raises(AirflowFailException, match=r"TaskSensor\(poll_url="):
        operator(prompt="[forever]", wait_for_completion=True, deferrable=False, timeout=0.3).execute(context)


def test_execute_complete_event_with_error_fails(sandbox, context):
    error = {"type": "TaskFailedError", "message": "The generation failed", "task_id": "t", "poll_url": "/v1/tasks/t"}
    event = {"task_id": "t", "poll_url": "/v1/tasks/t", "error": error}
    submitted = {"task_id": "t", "poll_url": "/v1/tasks/t", "model": "sora-2", "operation": None}
    with pytest.raises(LemonDataFailException, match="The generation failed"):
        operator().execute_complete(context, event=event, submitted=submitted)


def test_execute_answer_without_id_and_poll_url_fails_with_the_body(sandbox, context):
    sandbox.configure(id_field="none", poll_url_form="missing")
    with pytest.raises(AirflowFailException, match=r"neither an id nor a poll URL: \{"):
        operator().execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_execute_429_with_long_retry_after_raises_rate_limit_error(sandbox, context):
    sandbox.fault("error", status=429, code="rate_limit_exceeded", retry_after=61)
    with pytest.raises(RateLimitError) as refused:
        operator().execute(context)
    assert refused.value.retry_after == 61
    assert not sandbox.ledger.creates


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_request_error"), (401, "x"), (402, "x"), (403, "x")])
def test_execute_final_refusal_fails_without_retry(sandbox, context, status, code):
    sandbox.fault("error", times=-1, status=status, code=code)
    op = operator()
    with pytest.raises((AirflowFailException, APIError), match=f"LemonData answered {status} {code}") as refused:
        op.execute(context)
    assert fails_at_once(op, refused.value)
    assert sandbox.ledger.requests("create") == 1
    assert not sandbox.ledger.creates


def test_execute_unknown_model_raises_with_the_suggestion_of_the_api(sandbox, context):
    with pytest.raises((AirflowFailException, APIError), match="Did you mean 'sora-2'"):
        operator(model="sora2").execute(context)


def test_execute_undefined_connection_raises_a_retryable_error(context):
    with pytest.raises(ConfigurationError, match="Connection 'nowhere' is not defined"):
        operator(lemondata_conn_id="nowhere").execute(context)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {
            "task_id": "t",
            "poll_url": "/v1/tasks/t",
            "error": {"type": "ConfigurationError", "message": "is not defined"},
        },
        {
            "task_id": "t",
            "poll_url": "/v1/tasks/t",
            "error": {"type": "LemonDataError", "message": "The trigger broke"},
        },
    ],
)
def test_execute_complete_any_error_without_store_fails_without_retry(context, event):
    submitted = {"task_id": "t", "poll_url": "/v1/tasks/t", "model": "sora-2", "operation": None}
    with pytest.raises(LemonDataFailException) as failure:
        operator().execute_complete(context, event=event, submitted=submitted)
    assert failure.value.poll_url == "/v1/tasks/t"


@contextmanager
def as_soon_as(is_time: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
    """Act from another thread, in the middle of what the block does."""

    def wait_and_act() -> None:
        until = time.monotonic() + 30
        while not is_time() and time.monotonic() < until:
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_execute_connection_lost_while_waiting_fails_without_retry(sandbox, context, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_GONE", sandbox.connection_uri)
    op = operator(prompt="[forever]", lemondata_conn_id="gone", wait_for_completion=True, deferrable=False, timeout=1)
    lose = partial(monkeypatch.setenv, "AIRFLOW_CONN_GONE", '{"conn_type": "lemondata", "password": ""}')
    with (
        as_soon_as(lambda: sandbox.ledger.requests("poll") >= 1, lose),
        pytest.raises(LemonDataFailException, match="The API key is empty") as failure,
    ):
        op.execute(context)
    assert failure.value.task_id == sandbox.ledger.creates[0].id


def test_resubmit_failed_failed_task_raises_a_retryable_error(sandbox, context):
    op = operator(prompt="[fail]", wait_for_completion=True, deferrable=False, resubmit_failed=True)
    with pytest.raises(TaskFailedError) as failed:
        op.execute(context)
    assert not failed.value.final
    if HAS_RETRY_POLICIES:
        assert policy_action(op, failed.value) == "retry"


@contextmanager
def execution_timeout(is_time: Callable[[], bool]) -> Iterator[None]:
    """Raise in the middle of what the block does, as Airflow does, as soon as it is time."""

    def too_late(*_: Any) -> None:
        raise AirflowTaskTimeout("execution_timeout")

    before = signal.signal(signal.SIGALRM, too_late)
    try:
        with as_soon_as(is_time, lambda: os.kill(os.getpid(), signal.SIGALRM)):
            yield
    finally:
        signal.signal(signal.SIGALRM, before)


def test_execution_timeout_during_the_submit_fails_without_retry(sandbox, context, monkeypatch):
    sandbox.fault("hang")
    impatient = json.dumps({**json.loads(sandbox.connection_uri), "extra": {"timeout": 0.6}})
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", impatient)
    with (
        execution_timeout(lambda: sandbox.ledger.requests("create") == 1),
        pytest.raises(AirflowFailException, match="may have accepted and charged this video"),
    ):
        operator().execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_execution_timeout_while_waiting_without_store_fails_without_retry(sandbox, context):
    op = operator(prompt="[forever]", wait_for_completion=True, deferrable=False, durable=False)
    with (
        execution_timeout(lambda: sandbox.ledger.requests("poll") >= 1),
        pytest.raises(LemonDataFailException, match="the video is paid for") as late,
    ):
        op.execute(context)
    assert late.value.task_id == sandbox.ledger.creates[0].id
