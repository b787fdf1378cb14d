from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.polling import AUTH_GRACE_SECONDS
from lemondata_provider.api.redaction import shield
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.output import NO_FILE
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.triggers.task import TaskTrigger


def submitted(context: Any, prompt: str = "a cat", **fields: Any) -> dict[str, Any]:
    return SubmitVideoOperator(task_id="submit", model="sora-2", prompt=prompt, **fields).execute(context)


def sensor(poll_url: Any, **arguments: Any) -> TaskSensor:
    return TaskSensor(task_id="wait", poll_url=poll_url, **{"poke_interval": 0.02, "timeout": 20, **arguments})


async def run_deferred(op: TaskSensor, context: Any) -> Any:
    """Run a sensor as Airflow does: defer, run the trigger, resume."""
    step: Callable[[], Any] = lambda: op.execute(context)  # noqa: E731 # reads best as the first of several steps
    while True:
        try:
            return step()
        except TaskDeferred as deferral:
            trigger = TaskTrigger(**deferral.trigger.serialize()[1])
            events = [event.payload async for event in trigger.run()]
            kwargs = {"event": events[0], **(deferral.kwargs or {})}
            step = lambda: op.resume_execution("execute_complete", kwargs, context)  # noqa: B023,E731 # used at once


def run_rescheduled(op: TaskSensor, context: Any) -> Any:
    """Run a sensor as Airflow does: poll after poll, each time as if in a new process."""
    context["ti"].first_reschedule = datetime.now(timezone.utc)
    while True:
        try:
            return op.execute(context)
        except AirflowRescheduleException as reschedule:
            time.sleep(max(0.0, (reschedule.reschedule_date - datetime.now(timezone.utc)).total_seconds()))


async def run(op: TaskSensor, context: Any, mode: str) -> Any:
    if mode == "deferred":
        return await run_deferred(op, context)
    return run_rescheduled(op, context) if mode == "reschedule" else op.execute(context)


def in_mode(poll_url: Any, mode: str, **arguments: Any) -> TaskSensor:
    how = {"deferrable": True} if mode == "deferred" else {"deferrable": False, "mode": mode}
    return sensor(poll_url, **how, **arguments)


MODES = pytest.mark.parametrize("mode", ["deferred", "poke", "reschedule"])


@MODES
@pytest.mark.parametrize("whole", [True, False], ids=["result of the submit", "poll URL"])
async def test_execute_task_completes_returns_the_result(sandbox, context, mode, whole):
    submit = submitted(context, operation="text-to-video")
    result = await run(in_mode(submit if whole else submit["poll_url"], mode), context, mode)
    assert result["status"] == "completed"
    assert result["task_id"] == submit["task_id"]
    assert result["operation"] == ("text-to-video" if whole else None)
    assert set(result) == set(submit) - set(NO_FILE)
    assert context["ti"].xcoms["video_url"] == result["video_url"] == result["videos"][0]["url"]


@MODES
async def test_execute_failed_task_fails_with_the_reason_and_no_retry(sandbox, context, mode):
    submit = submitted(context, "[fail:too dark]")
    with pytest.raises(LemonDataFailException, match="too dark") as failure:
        await run(in_mode(submit, mode), context, mode)
    assert failure.value.poll_url == submit["poll_url"]


@MODES
async def test_execute_cancelled_task_fails_with_the_reason(sandbox, context, mode):
    sandbox.configure(failed_word="cancelled")
    submit = submitted(context, "[fail:stopped by a user]")
    with pytest.raises(AirflowFailException, match="stopped by a user"):
        await run(in_mode(submit, mode), context, mode)


@MODES
@pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
@pytest.mark.parametrize("end", ["failed generation", "deadline"])
async def test_soft_fail_and_never_fail_failed_task_or_timeout_skip(sandbox, context, mode, option, end):
    submit = submitted(context, "[forever]" if end == "deadline" else "[fail]")
    timeout = 0.15 if end == "deadline" else 20
    with pytest.raises(AirflowSkipException):
        await run(in_mode(submit, mode, timeout=timeout, **{option: True}), context, mode)


@MODES
@pytest.mark.parametrize("soft", [False, True])
async def test_timeout_pending_task_says_its_status_and_that_it_is_paid_for(sandbox, context, mode, soft):
    op = in_mode(submitted(context, "[forever]"), mode, timeout=0.15, soft_fail=soft)
    with pytest.raises(AirflowSkipException if soft else AirflowSensorTimeout, match="is paid for") as end:
        await run(op, context, mode)
    assert "The deadline came before the video; the last status was" in str(end.value)


@MODES
async def test_timeout_polls_failed_says_why_the_last_one_did(sandbox, context, mode):
    submit = submitted(context, "[forever]")
    sandbox.fault("error", on="poll", times=-1, status=503, code="overloaded")
    with pytest.raises(AirflowSensorTimeout, match="503 overloaded"):
        await run(in_mode(submit, mode, timeout=0.3), context, mode)


@MODES
@pytest.mark.parametrize("option", ["never_fail", "soft_fail"])
async def test_failing_softly_connection_not_defined_until_the_deadline_skips(context, mode, option):
    op = in_mode("/v1/tasks/t", mode, lemondata_conn_id="nowhere", timeout=0.2, **{option: True})
    with pytest.raises(AirflowSkipException):
        await run(op, context, mode)


@MODES
async def test_silent_fail_retryable_error_keeps_polling(sandbox, context, mode, monkeypatch):
    submit = submitted(context)
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"conn_type": "lemondata", "password": ""}')
    repaired = threading.Timer(0.3, monkeypatch.setenv, ("AIRFLOW_CONN_BROKEN", sandbox.connection_uri))
    repaired.start()
    result = await run(in_mode(submit, mode, lemondata_conn_id="broken", silent_fail=True), context, mode)
    repaired.join()
    assert result["status"] == "completed"


@MODES
async def test_silent_fail_at_the_deadline_raises_sensor_timeout(context, mode):
    op = in_mode("/v1/tasks/t", mode, lemondata_conn_id="nowhere", silent_fail=True, timeout=0.2)
    with pytest.raises(AirflowSensorTimeout):
        await run(op, context, mode)


@MODES
async def test_execute_key_refused_until_the_deadline_raises_sensor_timeout(sandbox, context, mode):
    submit = submitted(context, "[forever]")
    sandbox.fault("error", on="poll", times=-1, status=401, code="invalid_api_key")
    with pytest.raises(AirflowSensorTimeout):
        await run(in_mode(submit, mode, timeout=0.4), context, mode)
    assert sandbox.ledger.requests("poll") >= 3


@MODES
async def test_execute_key_refused_for_a_while_returns_the_result(sandbox, context, mode):
    submit = submitted(context)
    sandbox.fault("error", on="poll", times=5, status=401, code="invalid_api_key")
    assert (await run(in_mode(submit, mode), context, mode))["status"] == "completed"


async def test_poke_refused_for_ten_minutes_raises_the_refusal(sandbox, context):
    submit = submitted(context, "[forever]")
    op = sensor(submit, deferrable=False)
    sandbox.fault("error", on="poll", times=-1, status=401, code="invalid_api_key")
    assert op.poke(context) is False
    assert op._poking is not None
    assert op._poking._refused_since is not None
    op._poking._refused_since -= AUTH_GRACE_SECONDS
    with pytest.raises(AirflowFailException, match="401 invalid_api_key"):
        op.poke(context)


def test_execute_deferrable_first_poll_fails_defers(sandbox, context):
    submit = submitted(context)
    sandbox.fault("error", on="poll", times=-1, status=500)
    with pytest.raises(TaskDeferred):
        sensor(submit).execute(context)
    assert sandbox.ledger.requests("poll") == 1


async def test_execute_deferrable_pending_task_polls_once_and_defers(sandbox, context):
    submit = submitted(context, "[forever]")
    before = time.time()
    with pytest.raises(TaskDeferred) as deferral:
        sensor(submit, timeout=100, poke_interval=7).execute(context)
    assert sandbox.ledger.requests("poll") == 1
    kwargs = deferral.value.trigger.serialize()[1]
    assert (kwargs["task_id"], kwargs["poll_url"]) == (submit["task_id"], submit["poll_url"])
    assert kwargs["poll_interval"] == 7
    assert before + 99 < kwargs["deadline"] < time.time() + 100


async def test_execute_deferrable_completed_task_returns_without_deferring(sandbox, context):
    submit = submitted(context)
    await run(in_mode(submit, "poke"), context, "poke")
    assert sensor(submit).execute(context)["status"] == "completed"


@pytest.mark.parametrize(
    "poll_url",
    [
        "",
        "   ",
        "None",
        None,
        {},
        {"task_id": ""},
        7,
        "{'task_id': 'ldtask_1', 'poll_url': '/v1/tasks/x'}",
        "data:image/png;base64,QUJD/REVG",
    ],
)
def test_poll_url_invalid_raises_when_literal_and_fails_when_rendered(sandbox, context, poll_url):
    with pytest.raises(InvalidRequestError, match="poll_url must be a poll URL such as") as refused:
        sensor(poll_url)
    assert "QUJD" not in str(refused.value)
    op = sensor("{{ submitted_url }}")
    op.poll_url = shield(poll_url)  # as it is rendered
    with pytest.raises(AirflowFailException, match="poll_url must be a poll URL such as"):
        op.execute(context)
    assert sandbox.ledger.requests() == 0


@pytest.mark.parametrize("option", ["soft_fail", "never_fail"])
def test_poll_url_invalid_rendered_value_skips_if_asked(sandbox, context, option):
    op = sensor("{{ submitted_url }}", **{option: True})
    op.poll_url = "None"
    with pytest.raises(AirflowSkipException):
        op.execute(context)


def test_poll_url_invalid_mapped_value_fails_when_the_task_runs(sandbox, context):
    with DAG("mapping"):
        mapped = TaskSensor.partial(task_id="wait").expand(poll_url=["/v1/tasks/t", ""])
    with pytest.raises(AirflowFailException, match="poll_url must be a poll URL such as"):
        mapped.unmap({"poll_url": ""}).execute(context)


@pytest.mark.parametrize("name", ["deferrable", "soft_fail", "never_fail", "silent_fail"])
@pytest.mark.parametrize("value", ["False", "true", 1, None])
def test_init_switch_not_a_bool_raises(name, value):
    with pytest.raises(InvalidRequestError, match=f"{name} must be True or False, not {type(value).__name__}"):
        sensor("/v1/tasks/t", **{name: value})


@pytest.mark.parametrize("conn_id", ["", " ", None, 7])
def test_init_invalid_connection_id_raises(conn_id):
    with pytest.raises(InvalidRequestError, match="lemondata_conn_id must be the id of an Airflow connection"):
        sensor("/v1/tasks/t", lemondata_conn_id=conn_id)


@pytest.mark.parametrize("field", ["timeout", "poke_interval"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), None, "5"])
def test_init_invalid_timeout_or_poke_interval_raises(field, value):
    with pytest.raises(InvalidRequestError, match=f"{field} must be a number of seconds above 0"):
        sensor("/v1/tasks/t", **{field: value})


def test_init_timedeltas_become_seconds():
    op = sensor("/v1/tasks/t", timeout=timedelta(minutes=2), poke_interval=timedelta(seconds=7))
    assert (op.timeout, op.poke_interval) == (120, 7)


def test_poll_url_template_is_rendered_and_inline_media_is_shortened(sandbox, context):
    dag = DAG("rendering")
    op = sensor("{{ submitted_url }}", dag=dag)
    context["submitted_url"] = submitted(context)["poll_url"]
    op.render_template_fields(context, dag.get_template_env())
    assert op.poll_url == context["submitted_url"]
    op.poll_url = "{{ submitted_url }}"
    context["submitted_url"] = "data:image/png;base64,QUJDREVG"
    op.render_template_fields(context, dag.get_template_env())
    assert "QUJDREVG" not in str(op.poll_url)


def test_execute_complete_without_deadline_returns_the_result(context):
    event = {"task_id": "t", "poll_url": "/v1/tasks/t", "result": {"task_id": "t", "video_url": "https://x.test/v.mp4"}}
    assert sensor("/v1/tasks/t").execute_complete(context, event=event)["task_id"] == "t"
