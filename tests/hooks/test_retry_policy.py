from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow import __version__ as airflow_version
from airflow.sdk import DAG
from packaging.version import Version

from lemondata_provider.api import errors
from lemondata_provider.hooks.retry_policy import LemonDataRetryPolicy, retry_delay
from lemondata_provider.hooks.version_compat import HAS_RETRY_POLICIES
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor


def test_has_retry_policies_since_airflow_3_3():
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
def test_retry_policy_each_error_returns_its_decision(error, action, delay):
    decision = LemonDataRetryPolicy().evaluate(error, try_number=1, max_tries=2)
    assert (decision.action.value, decision.retry_delay) == (action, delay)
    assert decision.reason == (None if action == "default" else str(error))


@needs_policies
def test_retry_policy_retry_after_is_the_delay():
    decision = LemonDataRetryPolicy().evaluate(errors.RateLimitError("429", retry_after=61.5), 1, 2)
    assert timedelta(seconds=61.5) <= decision.retry_delay <= timedelta(seconds=71.5)


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [(None, None, None), (0.0, 0, 0), (4.0, 4, 8), (61.5, 61.5, 71.5), (1e300, 86_400, 86_410)],
)
def test_retry_delay_retry_after_adds_jitter_up_to_a_maximum(retry_after, low, high):
    seconds = [
        delay and delay.total_seconds()
        for delay in (retry_delay(retry_after, lambda: 0.0), retry_delay(retry_after, lambda: 1.0))
    ]
    assert [second or 0 for second in seconds] == [low or 0, high or 0]


@needs_policies
def test_retry_policy_operator_and_sensor_use_it_by_default():
    class CustomRetryPolicy(LemonDataRetryPolicy):
        pass

    makers = [
        lambda **arguments: SubmitVideoOperator(task_id="submit", model="sora-2", prompt="a cat", **arguments),
        lambda **arguments: TaskSensor(task_id="wait", poll_url="/v1/tasks/t", **arguments),
    ]
    for make in makers:
        assert type(make().retry_policy) is LemonDataRetryPolicy
        assert type(make(retry_policy=CustomRetryPolicy()).retry_policy) is CustomRetryPolicy
        with DAG("with_default", default_args={"retry_policy": CustomRetryPolicy()}) as dag:
            assert type(make(dag=dag).retry_policy) is CustomRetryPolicy


@needs_policies
def test_retry_policy_mapped_operator_uses_it():
    with DAG("mapping"):
        mapped = SubmitVideoOperator.partial(task_id="clips", model="sora-2").expand(prompt=["a cat", "a dog"])
    assert type(mapped.unmap({"prompt": "a cat"}).retry_policy) is LemonDataRetryPolicy


def test_retry_policy_serialized_and_deserialized_is_the_same():
    stored = json.loads(json.dumps(LemonDataRetryPolicy().serialize()))
    assert type(LemonDataRetryPolicy.deserialize(stored)) is LemonDataRetryPolicy
