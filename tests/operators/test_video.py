from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.operators.output import NO_FILE
from lemondata_provider.triggers.events import TaskEvent
from tests.operators.helpers import operator, sent

RESULT_KEYS = {
    "task_id",
    "poll_url",
    "status",
    "model",
    "operation",
    "progress",
    "video_url",
    "videos",
    "last_frame_url",
    "billing_transaction_id",
    "estimated_cost_usd",
    "created",
    "updated",
    "generation_seconds",
    *NO_FILE,
}


def test_execute_without_wait_submits_once_and_returns_the_pending_task(sandbox, context):
    result = operator(operation="text-to-video").execute(context)
    assert set(result) == RESULT_KEYS
    assert (result["status"], result["model"], result["operation"]) == ("pending", "sora-2", "text-to-video")
    assert result["poll_url"] == f"/v1/tasks/{result['task_id']}"
    assert result["video_url"] is None
    assert len(sandbox.ledger.creates) == 1
    assert (sandbox.ledger.requests("create"), sandbox.ledger.requests()) == (1, 2)  # the other one asked the price


def test_execute_accepted_task_logs_id_and_poll_url(sandbox, context):
    with structlog.testing.capture_logs() as logs:
        result = operator().execute(context)
    assert result["task_id"] in str(logs[-1])
    assert result["poll_url"] in str(logs[-1])


def test_execute_unset_fields_are_not_sent(sandbox, context):
    operator(model="veo3", duration=8).execute(context)
    assert sent(sandbox) == {"model": "veo3", "prompt": "a cat", "operation": "text-to-video", "duration": 8}


@pytest.mark.parametrize("output_audio", [True, False])
def test_output_audio_true_or_false_is_sent(sandbox, context, output_audio):
    operator(model="veo3", output_audio=output_audio).execute(context)
    assert sent(sandbox)["output_audio"] is output_audio


def test_extra_params_nested_value_is_sent(sandbox, context):
    operator(extra_params={"camera": {"pan": "left"}}).execute(context)
    assert sent(sandbox)["camera"] == {"pan": "left"}


def test_execute_wait_for_completion_defers_and_the_event_is_the_result(sandbox, context):
    op = operator(operation="text-to-video", duration=8, wait_for_completion=True, timeout=timedelta(seconds=90))
    with pytest.raises(TaskDeferred) as deferral:
        op.execute(context)
    path, kwargs = deferral.value.trigger.serialize()
    assert path == "lemondata_provider.triggers.task.TaskTrigger"
    assert kwargs["poll_interval"] == op.poll_interval
    answer = {"status": "completed", "video_url": "https://cdn.example/v.mp4"}
    event = TaskEvent(task_id=kwargs["task_id"], poll_url=kwargs["poll_url"], result=answer).model_dump()
    result = getattr(op, deferral.value.method_name)(context, event=event, **(deferral.value.kwargs or {}))
    from_submit = {"model": "sora-2", "operation": "text-to-video", "estimated_cost_usd": "0.80"}
    assert result == {**answer, **from_submit, **NO_FILE}
    assert context["ti"].xcoms["video_url"] == "https://cdn.example/v.mp4"
    assert len(sandbox.ledger.creates) == 1


def test_execute_not_deferrable_waits_in_the_worker(sandbox, context):
    result = operator(wait_for_completion=True, deferrable=False).execute(context)
    assert set(result) == RESULT_KEYS
    assert result["status"] == "completed"
    assert result["video_url"] == context["ti"].xcoms["video_url"] == result["videos"][0]["url"]
    assert result["billing_transaction_id"].startswith("txn_")
    assert len(sandbox.ledger.creates) == 1


@pytest.mark.parametrize("field", ["timeout", "poll_interval"])
@pytest.mark.parametrize("value", [-1, 0, float("nan"), float("inf"), "5", True, None])
def test_init_invalid_timeout_or_poll_interval_raises(field, value):
    with pytest.raises(InvalidRequestError, match=f"{field} must be a number of seconds above 0"):
        operator(**{field: value})


@pytest.mark.parametrize("field", ["wait_for_completion", "deferrable"])
def test_init_switch_not_a_bool_raises(field):
    with pytest.raises(InvalidRequestError, match=f"{field} must be True or False, not str"):
        operator(**{field: "False"})


def test_execute_complete_without_submitted_returns_the_result(context):
    event = {"task_id": "t", "poll_url": "/v1/tasks/t", "result": {"task_id": "t", "video_url": "https://x.test/v.mp4"}}
    result = operator(operation="text-to-video").execute_complete(context, event=event)
    assert (result["task_id"], result["model"], result["operation"]) == ("t", "sora-2", "text-to-video")


def test_timeout_without_wait_for_completion_has_no_effect(sandbox, context):
    sandbox.fault("slow", seconds=0.2)
    assert operator(timeout=0.1).execute(context)["status"] == "pending"
