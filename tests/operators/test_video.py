from __future__ import annotations

import base64
import json
import pickle
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import structlog
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout, TaskDeferred

from lemondata_provider.api.errors import (
    APIError,
    ConfigurationError,
    InvalidRequestError,
    RateLimitError,
    TaskFailedError,
)
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.version_compat import HAS_RETRY_POLICIES
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.triggers.events import TaskEvent

PAYLOAD = base64.b64encode(b"\x89PNG not really a picture" * 20).decode()
DATA_URL = f"data:image/png;base64,{PAYLOAD}"
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
}


def operator(**fields: Any) -> SubmitVideoOperator:
    return SubmitVideoOperator(
        task_id="submit", **{"model": "sora-2", "prompt": "a cat", "poll_interval": 0.05, **fields}
    )


def rendered(op: SubmitVideoOperator, native: bool = False, **values: Any) -> Any:
    op.dag = dag = DAG("rendering", render_template_as_native_obj=native)
    context: Any = values
    op.render_template_fields(context, dag.get_template_env())
    return op


def policy_action(op: SubmitVideoOperator, error: Exception) -> str:
    assert op.retry_policy is not None
    return op.retry_policy.evaluate(error, 1, 3).action.value


def fails_at_once(op: SubmitVideoOperator, error: Exception) -> bool:
    """Return whether this error fails the task without a retry, by its class or by the retry policy."""
    return isinstance(error, AirflowFailException) or policy_action(op, error) == "fail"


def sent(sandbox: Any) -> Any:
    return sandbox.ledger.creates[-1].body


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
    assert kwargs["poll_interval"] == 0.05
    answer = {"status": "completed", "video_url": "https://cdn.example/v.mp4"}
    event = TaskEvent(task_id=kwargs["task_id"], poll_url=kwargs["poll_url"], result=answer).model_dump()
    result = getattr(op, deferral.value.method_name)(context, event=event, **(deferral.value.kwargs or {}))
    known = {"model": "sora-2", "operation": "text-to-video", "estimated_cost_usd": "0.80"}
    assert result == {**answer, **known}
    assert context["ti"].xcoms["video_url"] == "https://cdn.example/v.mp4"
    assert len(sandbox.ledger.creates) == 1


def test_execute_not_deferrable_waits_in_the_worker(sandbox, context):
    result = operator(wait_for_completion=True, deferrable=False).execute(context)
    assert set(result) == RESULT_KEYS
    assert result["status"] == "completed"
    assert result["video_url"] == context["ti"].xcoms["video_url"] == result["videos"][0]["url"]
    assert result["billing_transaction_id"].startswith("txn_")
    assert len(sandbox.ledger.creates) == 1


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
    ("fields", "sentence"),
    [
        ({"prompt": None, "model": "sora-3"}, "Neither a prompt nor any input was given"),
        ({"prompt": ""}, "prompt is empty"),
        ({"image": "a.png"}, "image must be a public https URL"),
        ({"image_url": "s3://bucket/a.png"}, "image_url must be a public https URL"),
        ({"model": "topaz-video-upscale", "video_url": "/local/file.mp4"}, "video_url must be a public https URL"),
        ({"model": "veo3.1", "reference_images": ["ftp://x"]}, "reference_images must be a public https URL"),
        (
            {"model": "veo3.1", "reference_images": "https://x.example/a.png"},
            "reference_images must be a list of URLs",
        ),
        ({"operation": "{{ 'text2video' }}"}, "operation must be one of text-to-video"),
        ({"duration": "four"}, "duration must be a number, not 'four'"),
        ({"duration": 4.5}, "duration must be a whole number, not '4.5'"),
        ({"duration": True}, "duration must be a number, not 'True'"),
        ({"seed": "None"}, "seed must be a number, not 'None'"),
        ({"output_audio": "loud"}, "output_audio must be true or false, not 'loud'"),
        ({"duration": 5, "extra_params": {"duration": 4}}, "extra_params must not contradict duration"),
        ({"extra_params": "x"}, "extra_params"),
        ({"model": ""}, "model is empty"),
    ],
)
def test_execute_invalid_field_fails_in_one_line_and_sends_no_request(sandbox, context, fields, sentence):
    with pytest.raises(AirflowFailException) as refused:
        operator(**fields).execute(context)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sandbox.ledger.requests() == 0


@pytest.mark.parametrize("field", ["timeout", "poll_interval"])
@pytest.mark.parametrize("value", [-1, 0, float("nan"), float("inf"), "5", True, None])
def test_init_invalid_timeout_or_poll_interval_raises(field, value):
    with pytest.raises(InvalidRequestError, match=f"{field} must be a number of seconds above 0"):
        operator(**{field: value})


def test_template_fields_nested_lists_and_dicts_are_rendered(sandbox, context):
    op = operator(
        model="{{ name }}",
        prompt="{{ what }}",
        reference_images=["https://x.example/{{ name }}.png"],
        operation="reference-to-video",
        extra_params={"a": ["{{ what }}"]},
        duration="{{ seconds }}",
        cfg_scale="{{ scale }}",
        output_audio="{{ loud }}",
    )
    rendered(op, name="veo3.1", what="a dog", seconds=8, scale=0.5, loud=False).execute(context)
    assert sent(sandbox) == {
        "model": "veo3.1",
        "prompt": "a dog",
        "operation": "reference-to-video",
        "reference_images": ["https://x.example/veo3.1.png"],
        "duration": 8,
        "cfg_scale": 0.5,
        "output_audio": False,
        "a": ["a dog"],
    }


def test_template_fields_native_rendering_sends_numbers(sandbox, context):
    rendered(operator(duration="{{ 4 }}", seed="{{ 7 }}"), native=True).execute(context)
    assert (sent(sandbox)["duration"], sent(sandbox)["seed"]) == (4, 7)


@pytest.mark.parametrize(
    "how", ["literal", "templated", "templated in part", "in a text", "as a name", "in a list", "in a dict"]
)
def test_inline_media_each_place_is_sent_and_not_shown(sandbox, context, how):
    cases: dict[str, dict[str, Any]] = {
        "literal": {"image": DATA_URL},
        "templated": {"image": "{{ picture }}"},
        "templated in part": {"image": "data:image/png;base64,{{ picture.partition(',')[2] }}"},
        "in a text": {"prompt": f"like this: {DATA_URL}"},
        "as a name": {"extra_params": {DATA_URL: 1}},
        "in a list": {"reference_images": [DATA_URL]},
        "in a dict": {"extra_params": {"mask": {"image": DATA_URL}}},
    }
    op = operator(**{"model": "veo3.1", **cases[how]})
    with structlog.testing.capture_logs() as logs:
        rendered(op, picture=DATA_URL).execute(context)
    shown = " ".join(str(getattr(op, name)) for name in op.template_fields) + str(logs)
    assert PAYLOAD[:40] not in shown
    assert "data:image/png;base64,…(500 bytes, sha256 " in shown
    assert "data:image/png;base64" in str(sent(sandbox))


def test_inline_media_prompt_that_starts_with_data_is_shown(sandbox, context):
    op = rendered(operator(prompt="Data: {{ what }} in space"), what="a cube")
    op.execute(context)
    assert sent(sandbox)["prompt"] == op.prompt == "Data: a cube in space"


@pytest.mark.parametrize("field", ["partial", "expanded", "in a list"])
def test_inline_media_mapped_task_is_not_shown(field):
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "partial": ({"image": "{{ picture }}"}, {"prompt": ["a cat"]}),
        "expanded": ({"prompt": "a cat"}, {"image": ["{{ picture }}"]}),
        "in a list": ({"prompt": "a cat"}, {"reference_images": [["{{ picture }}"]]}),
    }
    partial, expanded = cases[field]
    context: Any = {"picture": DATA_URL}
    with DAG("mapping") as dag:
        mapped = SubmitVideoOperator.partial(task_id="clips", **{"model": "sora-2", **partial}).expand(**expanded)
    unmapped = mapped.unmap({name: values[0] for name, values in expanded.items()})
    unmapped._do_render_template_fields(  # what Airflow calls for a mapped task, past any override of the public method
        unmapped, unmapped.template_fields, context, dag.get_template_env(), set()
    )
    shown = " ".join(str(getattr(unmapped, name)) for name in unmapped.template_fields)
    assert PAYLOAD[:20] not in shown
    assert "sha256" in shown


def test_reference_images_lazy_sequence_is_sent_as_a_list(sandbox, context):
    class LazySequence(Sequence):
        def __getitem__(self, index):
            return ["https://x.example/a.png", "https://x.example/b.png"][index]

        def __len__(self):
            return 2

    operator(model="veo3.1", reference_images=LazySequence()).execute(context)
    assert sent(sandbox)["reference_images"] == ["https://x.example/a.png", "https://x.example/b.png"]


@pytest.mark.parametrize("field", ["wait_for_completion", "deferrable"])
def test_init_switch_not_a_bool_raises(field):
    with pytest.raises(InvalidRequestError, match=f"{field} must be True or False, not str"):
        operator(**{field: "False"})


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


def test_execute_connection_lost_while_waiting_fails_without_retry(sandbox, context, monkeypatch):
    sandbox.fault("slow", on="poll", seconds=0.1)
    monkeypatch.setenv("AIRFLOW_CONN_GONE", sandbox.connection_uri)
    op = operator(prompt="[forever]", lemondata_conn_id="gone", wait_for_completion=True, deferrable=False)
    gone = threading.Timer(0.3, monkeypatch.setenv, ("AIRFLOW_CONN_GONE", '{"conn_type": "lemondata", "password": ""}'))
    gone.start()
    with pytest.raises(LemonDataFailException, match="The API key is empty") as failure:
        op.execute(context)
    gone.join()
    assert failure.value.task_id == sandbox.ledger.creates[0].id


@contextmanager
def execution_timeout(seconds: float) -> Iterator[None]:
    """Raise in the middle of what the block does, as Airflow does."""

    def too_late(*_: Any) -> None:
        raise AirflowTaskTimeout("execution_timeout")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_execution_timeout_during_the_submit_fails_without_retry(sandbox, context, monkeypatch):
    sandbox.fault("hang")
    impatient = json.dumps({**json.loads(sandbox.connection_uri), "extra": {"timeout": 0.6}})
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", impatient)
    with (
        execution_timeout(0.3),
        pytest.raises(AirflowFailException, match="may have accepted and charged this video"),
    ):
        operator().execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_execution_timeout_while_waiting_without_store_fails_without_retry(sandbox, context):
    op = operator(prompt="[forever]", wait_for_completion=True, deferrable=False, durable=False)
    with execution_timeout(0.3), pytest.raises(LemonDataFailException, match="the video is paid for") as late:
        op.execute(context)
    assert late.value.task_id == sandbox.ledger.creates[0].id


def test_inline_media_in_an_invalid_field_is_not_in_the_error(sandbox, context):
    with pytest.raises(AirflowFailException) as refused:
        operator(duration=DATA_URL).execute(context)
    assert PAYLOAD[:20] not in str(refused.value)
    assert PAYLOAD[:20] not in repr(pickle.dumps(refused.value))


def test_execute_mapped_operator_submits_each_item(sandbox, context):
    with DAG("mapping"):
        mapped = SubmitVideoOperator.partial(task_id="clips", model="sora-2").expand_kwargs(
            [{"prompt": "a cat", "duration": 4}, {"prompt": "a dog", "duration": 8}]
        )
    for item in ({"prompt": "a cat", "duration": 4}, {"prompt": "a dog", "duration": 8}):
        mapped.unmap(item).execute(context)
    assert [(create.body["prompt"], create.body["duration"]) for create in sandbox.ledger.creates] == [
        ("a cat", 4),
        ("a dog", 8),
    ]


def test_execute_complete_without_submitted_returns_the_result(context):
    event = {"task_id": "t", "poll_url": "/v1/tasks/t", "result": {"task_id": "t", "video_url": "https://x.test/v.mp4"}}
    result = operator(operation="text-to-video").execute_complete(context, event=event)
    assert (result["task_id"], result["model"], result["operation"]) == ("t", "sora-2", "text-to-video")


def test_resubmit_failed_failed_task_raises_a_retryable_error(sandbox, context):
    op = operator(prompt="[fail]", wait_for_completion=True, deferrable=False, resubmit_failed=True)
    with pytest.raises(TaskFailedError) as failed:
        op.execute(context)
    assert not failed.value.final
    if HAS_RETRY_POLICIES:
        assert policy_action(op, failed.value) == "retry"


def test_timeout_without_wait_for_completion_has_no_effect(sandbox, context):
    sandbox.fault("slow", seconds=0.2)
    assert operator(timeout=0.1).execute(context)["status"] == "pending"
