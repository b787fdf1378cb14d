"""What a failure callback finds on ``context["exception"]``, and how short the log of a refusal is."""

from __future__ import annotations

import pickle
import traceback
from functools import partial
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, AirflowTaskTimeout, TaskDeferralError

from lemondata_provider.api.errors import (
    BadRequestError,
    LemonDataError,
    RateLimitError,
    TaskFailedError,
    TaskTimeoutError,
)
from lemondata_provider.hooks.exceptions import LemonDataFailException, naming_task
from lemondata_provider.sensors.task import TaskSensor
from tests.operators.helpers import operator

TASK = {"task_id": "t", "poll_url": "/v1/tasks/t", "request_id": "req_1"}
FACTS = ("task_id", "poll_url", "request_id")


def raised(exception: BaseException, task: dict[str, Any] = TASK) -> Any:
    with pytest.raises(type(exception)) as caught, naming_task(lambda: task):
        raise exception
    return caught.value


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        (RateLimitError("slow down"), RateLimitError),
        (LemonDataFailException(BadRequestError("no")), BadRequestError),
        (AirflowTaskTimeout("execution_timeout"), TaskTimeoutError),
        (AirflowSensorTimeout("late"), TaskTimeoutError),
        (TaskDeferralError("the trigger broke"), LemonDataError),
        (RuntimeError("the store is away"), LemonDataError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_naming_task_any_exception_gets_error_and_facts(exception, kind):
    found = raised(exception)
    assert type(found.error) is kind
    assert {name: getattr(found, name) for name in FACTS} == TASK


def test_naming_task_facts_of_the_error_win():
    found = raised(LemonDataFailException(TaskFailedError("no", task_id="other", poll_url="/x", request_id="req_2")))
    assert (found.task_id, found.poll_url, found.request_id) == ("other", "/x", "req_2")


def test_naming_task_unknown_task_leaves_none():
    found = raised(RuntimeError("early"), {})
    assert [getattr(found, name) for name in FACTS] == [None, None, None]
    assert str(found.error) == "early"


def test_naming_task_error_of_its_own_survives_pickling():
    again = pickle.loads(pickle.dumps(raised(RateLimitError("slow down"))))  # noqa: S301 # our own exception
    assert (str(again), again.task_id) == ("slow down [task_id=t, poll_url=/v1/tasks/t, request_id=req_1]", "t")


# --- operator and sensor


@pytest.mark.parametrize("policy", [True, False], ids=["3.3", "3.2"])
@pytest.mark.parametrize("status", [400, 402, 429])
def test_execute_refused_submit_has_error_and_request_id(sandbox, context, status, policy):
    sandbox.fault("error", times=-1, status=status, code="x", retry_after=61, headers={"X-Request-ID": "req_7"})
    op: Any = operator()
    op.retry_policy = object() if policy else None
    with pytest.raises((LemonDataFailException, LemonDataError)) as refused:
        op.execute(context)
    exception: Any = refused.value
    assert (exception.error.status, exception.request_id, exception.task_id) == (status, "req_7", None)


@pytest.mark.parametrize("soft", [{}, {"soft_fail": True}, {"never_fail": True}], ids=str)
@pytest.mark.parametrize("how", [{"deferrable": False}, {"deferrable": False, "mode": "reschedule"}, {}], ids=str)
@pytest.mark.parametrize("prompt", ["[fail:too dark]", "[forever]"])
def test_sensor_end_without_a_video_has_error_and_facts(sandbox, context, soft, how, prompt):
    submit = operator(prompt=prompt).execute(context)
    sensor = TaskSensor(task_id="wait", poll_url=submit, poke_interval=0.05, timeout=0.3, **how, **soft)
    kind = TaskFailedError if "fail" in prompt else TaskTimeoutError
    error = kind("too dark" if "fail" in prompt else "late", task_id=submit["task_id"]).to_dict()
    event = {**{name: submit[name] for name in ("task_id", "poll_url")}, "error": error}
    resume = partial(sensor.resume_execution, "execute_complete", {"event": event}, context)
    with pytest.raises((LemonDataFailException, AirflowSensorTimeout, AirflowSkipException)) as ended:
        wait(sensor, context) if how else resume()
    exception: Any = ended.value
    assert (exception.task_id, exception.poll_url) == (submit["task_id"], submit["poll_url"])
    assert isinstance(exception.error, kind)


def wait(sensor: TaskSensor, context: Any) -> None:
    """Poke until the sensor ends, as Airflow does."""
    from airflow.sdk.exceptions import AirflowRescheduleException  # noqa: PLC0415 # for this mode only
    from airflow.sdk.timezone import utcnow  # noqa: PLC0415 # the same

    context["ti"].first_reschedule = utcnow()
    while True:
        try:
            sensor.execute(context)
        except AirflowRescheduleException:
            continue


def test_execute_execution_timeout_with_a_record_has_the_task(sandbox, context, task_state_store):
    op = operator(wait_for_completion=True, deferrable=False)
    op.hook.wait = time_out  # type: ignore[assignment,method-assign]  # a fake for this hook alone
    with pytest.raises(AirflowTaskTimeout) as late:
        op.execute(context)
    exception: Any = late.value
    assert exception.task_id == sandbox.ledger.creates[0].id
    assert exception.request_id


def time_out(*_: Any) -> Any:
    raise AirflowTaskTimeout("execution_timeout")


def test_resume_execution_retryable_failure_has_error(context):
    error = TaskFailedError("too dark", task_id="t", poll_url="/v1/tasks/t").to_dict()
    kwargs = {"event": {"task_id": "t", "poll_url": "/v1/tasks/t", "error": error}, "submitted": {"task_id": "t"}}
    with pytest.raises(TaskFailedError) as failed:
        operator(resubmit_failed=True).resume_execution("execute_complete", kwargs, context)
    assert failed.value.error.task_id == "t"  # type: ignore[attr-defined] # set for callbacks


@pytest.mark.parametrize("status", [400, 401, 429, 502])
def test_execute_refusal_traceback_has_few_frames(sandbox, context, status):
    sandbox.fault("error", times=-1, status=status, code="x", retry_after=61)
    with pytest.raises((LemonDataFailException, LemonDataError)) as refused:
        operator().execute(context)
    text = "".join(traceback.format_exception(refused.value))
    assert text.count('  File "') <= 6
    assert "The above exception" not in text
    assert "During handling" not in text
