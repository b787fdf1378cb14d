"""``@task.lemondata_video``, as a DAG file uses it: parsed, serialized, mapped, executed and resumed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import TaskDeferred
from airflow.serialization.serialized_objects import DagSerialization

from lemondata_provider.api.errors import InvalidRequestError, RequestChangedError
from lemondata_provider.decorators.video import VideoDecoratedOperator
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.triggers.events import TaskEvent
from tests.decorators.taskflow import decorated, operator_of, returning
from tests.operators.helpers import sent
from tests.videos.entries import Entries


def test_task_collection_has_the_decorator():
    operator = returning("a cat")
    assert isinstance(operator, VideoDecoratedOperator)
    assert operator.operator_name == "@task.lemondata_video"


def test_decorator_without_arguments_takes_everything_from_the_function(sandbox, context):
    with DAG("bare", schedule=None):

        @task.lemondata_video
        def clip() -> dict[str, Any]:
            return {"model": "veo3", "prompt": "a cat", "duration": 8}

        operator = operator_of(clip())
    operator.execute(context)
    assert sent(sandbox) == {"model": "veo3", "prompt": "a cat", "operation": "text-to-video", "duration": 8}


def test_init_fields_of_the_function_are_not_missed_when_the_dag_is_parsed():
    returning("x", model="topaz-video-upscale")  # which needs a video
    returning("x", model="veo3.1", operation="image-to-video")  # which needs an image
    returning("x", model="sora-2", fallback_models=["veo3"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"duration": "four"}, "duration must be a number"),
        ({"model": "veo3.1", "aspect_ratio": ""}, "aspect_ratio is empty"),
        ({"operation": "motion-control"}, "not motion-control"),
        ({"image_url": "srv/a.png"}, "image_url must be a public https URL"),
    ],
)
def test_init_wrong_literal_of_the_decorator_raises(fields, sentence):
    with pytest.raises(InvalidRequestError, match=sentence):
        returning("a cat", **fields)


def test_init_default_args_give_fields():
    with DAG("defaults", schedule=None, default_args={"model": "veo3", "duration": 8}):

        @task.lemondata_video
        def clip() -> str:
            return "a cat"

        operator = operator_of(clip())
    assert (operator.model, operator.duration) == ("veo3", 8)


@pytest.mark.parametrize("is_mapped", [False, True])
def test_serialized_dag_has_the_task_and_no_prompt(is_mapped):
    def clip(subject: str) -> str:
        return f"the secret of {subject}"

    with DAG("serialized", schedule=None) as dag:
        submit = task.lemondata_video(model="sora-2")(clip)
        submit.expand(subject=["a cat", "a dog"]) if is_mapped else submit("a cat")
    stored = DagSerialization.to_dict(dag)
    loaded = DagSerialization.from_dict(stored).get_task("clip")
    assert loaded.task_type == "VideoDecoratedOperator"
    assert "a cat" in str(stored)
    assert "the secret of" not in str(stored)


def test_override_changes_the_task_id_and_a_field(sandbox, context):
    with DAG("override", schedule=None):

        @task.lemondata_video(model="sora-2")
        def clip() -> str:
            return "a cat"

        operator = operator_of(clip.override(task_id="other", model="veo3")())
    operator.execute(context)
    assert (operator.task_id, sent(sandbox)["model"]) == ("other", "veo3")


# --- mapping


def test_expand_calls_the_function_for_each_item(sandbox, context):
    with DAG("mapped", schedule=None) as dag:

        @task.lemondata_video(model="sora-2", user="{{ who }}")
        def clip(subject: str, style: str) -> dict[str, Any]:
            return {"prompt": f"{subject}, {style}", "duration": 4}

        mapped = operator_of(clip.partial(style="noir").expand(subject=["a cat", "{{ what }}"]))
    values: Any = {**context, "who": "me", "what": "a dog"}
    for subject in ("a cat", "{{ what }}"):
        operator = mapped.unmap({"op_kwargs": {"subject": subject}})
        operator._do_render_template_fields(operator, operator.template_fields, values, dag.get_template_env(), set())
        operator.execute(context)
    assert [create.body["prompt"] for create in sandbox.ledger.creates] == ["a cat, noir", "a dog, noir"]
    assert {create.body["user"] for create in sandbox.ledger.creates} == {"me"}


def test_expand_wrong_return_value_is_refused(sandbox, context):
    with DAG("mapped", schedule=None):

        @task.lemondata_video(model="sora-2")
        def clip(subject: Any) -> dict[str, Any]:
            return {"prompt": subject}

        mapped = operator_of(clip.expand(subject=[2024]))
    with pytest.raises(LemonDataFailException, match="int as prompt, which must be a text"):
        mapped.unmap({"op_kwargs": {"subject": 2024}}).execute(context)
    assert sandbox.ledger.requests() == 0


def test_expand_kwargs_of_another_task_is_parsed():
    with DAG("mapped", schedule=None) as dag:

        @task
        def rows() -> list[dict[str, str]]:
            return []

        @task.lemondata_video(model="sora-2")
        def clip(subject: str) -> str:
            return subject

        source: Any = rows()
        clip.expand_kwargs(source)
    assert dag.get_task("clip").upstream_task_ids == {"rows"}


# --- results, deferral, retries


def test_multiple_outputs_stay_off_whatever_the_function_returns():
    def clip() -> dict[str, Any]:
        return {"prompt": "a cat"}

    assert decorated(clip).multiple_outputs is False
    assert decorated(clip, multiple_outputs=True).multiple_outputs is True


def test_execute_complete_on_a_new_operator_returns_the_result_and_calls_nothing(sandbox, context):
    calls: list[int] = []

    def clip() -> dict[str, Any]:
        calls.append(1)
        return {"model": "veo3", "prompt": "a cat", "duration": 8}

    def new() -> Any:
        return decorated(clip, model=None, wait_for_completion=True)

    with pytest.raises(TaskDeferred) as deferral:
        new().execute(context)
    kwargs = deferral.value.trigger.serialize()[1]
    answer = {"status": "completed", "video_url": "https://cdn.example/v.mp4"}
    event = TaskEvent(task_id=kwargs["task_id"], poll_url=kwargs["poll_url"], result=answer).model_dump()
    result = new().resume_execution(
        deferral.value.method_name, {**(deferral.value.kwargs or {}), "event": event}, context
    )
    assert (result["model"], result["operation"]) == ("veo3", "text-to-video")
    assert context["ti"].xcoms["video_url"] == "https://cdn.example/v.mp4"
    assert (len(calls), len(sandbox.ledger.creates)) == (1, 1)


def test_execute_not_deferrable_returns_the_finished_video(sandbox, context):
    result = returning("a cat", wait_for_completion=True, deferrable=False).execute(context)
    assert result["status"] == "completed"


def test_execute_retry_calls_the_function_again_and_reattaches(sandbox, context, task_state_store):
    first = returning("a cat").execute(context)
    second = returning("a cat").execute(context)
    assert first["task_id"] == second["task_id"]
    assert len(sandbox.ledger.creates) == 1


def test_execute_retry_of_a_function_that_returns_another_prompt_fails_without_paying(
    sandbox, context, task_state_store
):
    returning("a cat").execute(context)
    with pytest.raises(LemonDataFailException) as refused:
        returning("a dog").execute(context)
    assert isinstance(refused.value.error, RequestChangedError)
    assert len(sandbox.ledger.creates) == 1


def test_execute_complete_entry_has_the_prompt_that_only_the_first_process_knew(sandbox, context):
    entries = Entries()
    operator, resuming = (returning("from a function", wait_for_completion=True) for _ in range(2))
    operator.write_entry = resuming.write_entry = entries.write
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(context)
    kwargs = json.loads(json.dumps(deferral.value.kwargs))
    names = {name: kwargs["submitted"][name] for name in ("task_id", "poll_url")}
    event = TaskEvent(**names, result={**names, "status": "completed", "video_url": "https://cdn.example/v.mp4"})
    resuming.execute_complete(context, event.model_dump(mode="json"), **kwargs)
    assert entries.states == ["submitted", "completed"]
    assert {entry.prompt for entry in entries} == {"from a function"}
