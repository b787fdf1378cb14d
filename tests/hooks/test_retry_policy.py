from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow import __version__ as airflow_version
from airflow.sdk import DAG
from packaging.version import Version

from lemondata_provider.api import errors
from lemondata_provider.hooks.retry_policy import LemonDataRetryPolicy, delay_after
from lemondata_provider.hooks.version_compat import HAS_RETRY_POLICIES
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor


def test_airflow_has_retry_policies_since_3_3():
    assert (Version(airflow_version) >= Version("3.3")) == HAS_RETRY_POLICIES


needs_policies = pytest.mark.skipif(not HAS_RETRY_POLICIES, reason="this Airflow is older than 3.3")


@needs_policies
@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (errors.AuthenticationError("401"), "fail", None),
        (errors.InsufficientBalanceError("402"), "fail", None),
        (errors.AccessDeniedError("403"), "fail", None),
        (errors.BadRequestError("400"), "fail", None),
        (errors.ModelNotFoundError("400"), "fail", None),
        (errors.ServiceError("503", hints={"retryable": False}), "fail", None),
        (errors.ServiceError("503", hints={"retryable": True}), "retry", None),
        (errors.ServiceError("500", retry_after=0.0), "retry", timedelta(0)),
        (errors.ConnectionFailedError("no"), "retry", None),
        (ValueError("not ours"), "default", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_leads_to_a_decision(error, action, delay):
    decision = LemonDataRetryPolicy().evaluate(error, try_number=1, max_tries=2)
    assert (decision.action.value, decision.retry_delay) == (action, delay)
    assert decision.reason == (None if action == "default" else str(error))


@needs_policies
def test_the_time_that_the_service_asks_for_is_the_delay_of_the_retry():
    decision = LemonDataRetryPolicy().evaluate(errors.RateLimitError("429", retry_after=61.5), 1, 2)
    assert timedelta(seconds=61.5) <= decision.retry_delay <= timedelta(seconds=71.5)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(None, None, None), (0.0, 0, 0), (4.0, 4, 8), (61.5, 61.5, 71.5), (1e300, 86_400, 86_410)],
)
def test_retries_are_spread_after_the_time_that_the_service_asked_for(asked, least, most):
    seconds = [
        delay and delay.total_seconds() for delay in (delay_after(asked, lambda: 0.0), delay_after(asked, lambda: 1.0))
    ]
    assert [second or 0 for second in seconds] == [least or 0, most or 0]


@needs_policies
def test_operator_and_sensor_have_it_unless_another_one_is_given():
    class Other(LemonDataRetryPolicy):
        pass

    makers = [
        lambda **given: SubmitVideoOperator(task_id="submit", prompt="a cat", **given),
        lambda **given: TaskSensor(task_id="wait", poll_url="/v1/tasks/t", **given),
    ]
    for make in makers:
        assert type(make().retry_policy) is LemonDataRetryPolicy
        assert type(make(retry_policy=Other()).retry_policy) is Other
        with DAG("with_default", default_args={"retry_policy": Other()}) as dag:
            assert type(make(dag=dag).retry_policy) is Other


@needs_policies
def test_mapped_tasks_have_it_too():
    with DAG("mapping"):
        mapped = SubmitVideoOperator.partial(task_id="clips").expand(prompt=["a cat", "a dog"])
    assert type(mapped.unmap({"prompt": "a cat"}).retry_policy) is LemonDataRetryPolicy


def test_it_survives_serialization():
    stored = json.loads(json.dumps(LemonDataRetryPolicy().serialize()))
    assert type(LemonDataRetryPolicy.deserialize(stored)) is LemonDataRetryPolicy
