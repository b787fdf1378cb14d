from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from airflow.sdk import DAG, Param, TaskGroup, task, task_group
from airflow.sdk.definitions.param import ParamsDict

from lemondata_provider.api.prices import FROM_SOURCE, NO_DURATION
from lemondata_provider.cli.dag_facts import submits_of
from lemondata_provider.cli.plan import Clip, Submits
from lemondata_provider.operators.video import SubmitVideoOperator

LATER = "the length is known at run time only"


@pytest.fixture
def dag() -> Any:
    with DAG("facts", default_args={"poll_interval": 10.0}) as found:
        yield found


@task
def prompts() -> list[str]:
    return ["a", "b"]


def facts(dag: DAG) -> Submits:
    [found] = submits_of(dag.tasks)
    return found


@pytest.mark.parametrize(
    ("fields", "clip"),
    [
        ({"duration": 4}, Clip("sora-2", 4)),
        ({"duration": "4"}, Clip("sora-2", 4)),
        ({"duration": "4.0"}, Clip("sora-2", 4)),
        ({}, Clip("sora-2", NO_DURATION)),
        ({"duration": "{{ params.seconds }}"}, Clip("sora-2", LATER)),
        ({"model": "{{ params.model }}", "duration": 4}, Clip(None, 4)),
        ({"video_url": "{{ ti.xcom_pull() }}", "duration": 4}, Clip("sora-2", FROM_SOURCE)),
    ],
)
def test_submits_of_literal_fields_are_known_and_templates_are_not(dag, fields, clip):
    SubmitVideoOperator(task_id="clip", prompt="x", **{"model": "sora-2", **fields})
    found = facts(dag)
    assert (found.clips, found.number_unknown) == ((clip,), "")


def test_submits_of_xcom_field_is_known_at_run_time_only(dag):
    output: Any = prompts()
    SubmitVideoOperator(task_id="clip", prompt="x", model=output["model"], duration=output["duration"])
    assert facts(dag).clips == (Clip(None, LATER),)


def test_submits_of_several_tasks_have_their_own_connection_and_poll_interval(dag):
    SubmitVideoOperator(task_id="a", model="sora-2", prompt="x", lemondata_conn_id="mine", wait_for_completion=True)
    SubmitVideoOperator(task_id="b", model="sora-2", prompt="x", lemondata_conn_id="{{ var.value.conn }}")
    SubmitVideoOperator.partial(task_id="c", model="sora-2", wait_for_completion=True, poll_interval=2).expand(
        prompt=["x"]
    )
    found = {one.task_id: (one.conn_id, one.poll_interval) for one in submits_of(dag.tasks)}
    assert found == {"a": ("mine", 10.0), "b": (None, None), "c": ("lemondata_default", 2.0)}


def test_submits_of_literal_expand_has_a_clip_for_each_combination(dag):
    SubmitVideoOperator.partial(task_id="clip", duration=4).expand(prompt=["a", "b"], model=["sora-2", "veo3"])
    assert facts(dag).clips == tuple(Clip(model, 4) for _ in "ab" for model in ("sora-2", "veo3"))


def test_submits_of_literal_expand_kwargs_has_a_clip_for_each_item(dag):
    given: list[dict[str, Any]] = [{"prompt": "a", "duration": 4}, {"prompt": "b", "model": "veo3"}]
    SubmitVideoOperator.partial(task_id="clip", model="sora-2").expand_kwargs(given)
    assert facts(dag).clips == (Clip("sora-2", 4), Clip("veo3", NO_DURATION))


def test_submits_of_empty_expand_has_no_clips(dag):
    SubmitVideoOperator.partial(task_id="clip", model="sora-2").expand(prompt=[])
    assert facts(dag).clips == ()


def test_submits_of_expand_over_xcom_has_an_unknown_number(dag):
    SubmitVideoOperator.partial(task_id="clip", model="sora-2", duration=4).expand(prompt=prompts())
    assert (facts(dag).clips, facts(dag).number_unknown) == ((Clip("sora-2", 4),), "how many is known at run time only")


def test_submits_of_fields_expanded_over_xcom_are_unknown(dag):
    output = prompts()
    SubmitVideoOperator.partial(task_id="one", prompt="x").expand(model=output, duration=[4])
    SubmitVideoOperator.partial(task_id="two", model="sora-2").expand_kwargs(output.map(lambda text: {"prompt": text}))
    one, two = submits_of(dag.tasks)
    assert one.clips == (Clip(None, LATER),)
    assert two.clips[0].model is None
    assert one.number_unknown
    assert two.number_unknown


def test_submits_of_mapped_task_group_multiplies_its_clips(dag):
    @task_group
    def group(prompt: str, seconds: int) -> None:
        SubmitVideoOperator(task_id="clip", model="sora-2", prompt=prompt, duration=seconds)

    group.expand(prompt=["a", "b"], seconds=[4, 8])
    assert facts(dag).clips == (Clip("sora-2", 4), Clip("sora-2", 8)) * 2


def test_submits_of_task_group_mapped_over_xcom_has_an_unknown_number(dag):
    @task_group
    def group(prompt: str, seconds: int) -> None:
        SubmitVideoOperator(task_id="clip", model="sora-2", prompt=prompt, duration=seconds)

    group.partial(prompt="x").expand(seconds=prompts())
    assert facts(dag).number_unknown
    assert facts(dag).clips == (Clip("sora-2", LATER),)


def test_submits_of_other_operators_is_empty(dag):
    prompts()
    assert submits_of(dag.tasks) == []


class Styled(SubmitVideoOperator):
    def __init__(self, *, style: str, model: str = "kling", **more: Any) -> None:
        super().__init__(model=model, prompt=style, **more)


class Plain(SubmitVideoOperator):
    pass


def test_submits_of_mapped_task_uses_default_args():
    given = {"model": "veo3", "duration": 8, "lemondata_conn_id": "paid"}
    of_the_group: Any = {"duration": 4}
    with DAG("defaults", default_args=given) as dag:
        SubmitVideoOperator.partial(task_id="t", prompt="x").expand(seed=[1, 2])
        with TaskGroup("group", default_args=of_the_group):
            Plain.partial(task_id="g", prompt="x", model="sora-2").expand(seed=[1])
    one, two = submits_of(dag.tasks)
    assert (one.conn_id, one.clips) == ("paid", (Clip("veo3", 8),) * 2)
    assert (two.conn_id, two.clips) == ("paid", (Clip("sora-2", 4),))
    mapped: Any = dag.task_dict["t"].unmap({"seed": 1})
    assert (mapped.model, mapped.duration, mapped.lemondata_conn_id) == ("veo3", 8, "paid")


def test_submits_of_mapped_subclass_with_own_arguments_is_known_at_run_time_only(dag):
    Styled.partial(task_id="a", duration=4, wait_for_completion=True).expand(style=["x", "y"])
    Styled.partial(task_id="b", model="veo3", lemondata_conn_id="mine").expand(style=["x"])
    one, two = submits_of(dag.tasks)
    assert (one.conn_id, one.clips, one.poll_interval) == (None, (Clip(None, LATER),) * 2, None)
    assert (two.conn_id, two.clips) == ("mine", (Clip("veo3", LATER),))


def test_submits_of_mapped_subclass_without_own_arguments_is_known(dag):
    Plain.partial(task_id="clip", model="sora-2", duration=4).expand(prompt=["x"])
    assert (facts(dag).conn_id, facts(dag).clips) == ("lemondata_default", (Clip("sora-2", 4),))


@pytest.mark.parametrize("duration", [float("inf"), float("nan"), 4.5, True, -4, "long"])
def test_submits_of_invalid_duration_says_why(dag, duration):
    SubmitVideoOperator.partial(task_id="clip", model="sora-2", duration=duration).expand(prompt=["x"])
    (clip,) = facts(dag).clips
    assert (clip.seconds, clip.refusal[:16]) == (f"{duration!r} is no length", "duration must be")


def test_submits_of_expanded_connection_is_one_entry_each(dag):
    SubmitVideoOperator.partial(task_id="a", model="sora-2", duration=4).expand(
        prompt=["x", "y"], lemondata_conn_id=["one", "two"]
    )
    assert [(found.conn_id, found.clips) for found in submits_of(dag.tasks)] == [
        ("one", (Clip("sora-2", 4),) * 2),
        ("two", (Clip("sora-2", 4),) * 2),
    ]


def test_submits_of_expanded_wait_for_completion_is_one_entry_each(dag):
    SubmitVideoOperator.partial(task_id="a", model="sora-2", prompt="x").expand(wait_for_completion=[False, True])
    assert [(found.poll_interval, len(found.clips)) for found in submits_of(dag.tasks)] == [(None, 1), (10.0, 1)]


def test_submits_of_expanded_video_url_is_as_long_as_the_source(dag):
    SubmitVideoOperator.partial(task_id="one", model="sora-2", prompt="x").expand(video_url=prompts())
    SubmitVideoOperator.partial(task_id="two", model="sora-2").expand_kwargs(
        prompts().map(lambda text: {"prompt": text})
    )
    assert [found.clips[0].seconds for found in submits_of(dag.tasks)] == [FROM_SOURCE, LATER]


def test_submits_of_templated_param_uses_its_default(dag):
    dag.params = ParamsDict({"model": Param("veo3.1-fast", type="string"), "seconds": 8})
    SubmitVideoOperator(task_id="clip", prompt="x", model="{{ params.model }}", duration="{{ params.seconds }}")
    assert facts(dag).clips == (Clip("veo3.1-fast", 8),)


@pytest.mark.parametrize(
    ("fields", "refusal", "hint"),
    [
        ({"duration": 90}, "duration must be -1 to 60 seconds, not 90: did you mean 60?", ""),
        ({"duration": "-7"}, "duration must be -1 to 60 seconds, not -7: did you mean -1?", ""),
        ({"duration": 90, "validation": "warn"}, "", ""),
        ({"model": "sora2"}, "", "sora2 is not known here: did you mean 'sora-2'?"),
        ({"model": "dall-e"}, "", "dall-e is not known here"),
        ({"model": "sora2", "validation": "off"}, "", ""),
    ],
)
def test_submits_of_mapped_mistakes_are_known_before_they_run(dag, fields, refusal, hint):
    SubmitVideoOperator.partial(task_id="clip", **{"model": "sora-2", **fields}).expand(prompt=["x"])
    (clip,) = facts(dag).clips
    assert (clip.refusal, clip.hint) == (refusal, hint)


def test_submits_of_param_default_out_of_range_is_refused(dag):
    dag.params = ParamsDict({"seconds": 61})
    SubmitVideoOperator(task_id="clip", model="sora-2", prompt="x", duration="{{ params.seconds }}")
    assert "duration must be -1 to 60 seconds" in facts(dag).clips[0].refusal


def test_submits_of_max_cost_usd_is_known_of_plain_and_mapped_tasks(dag):
    SubmitVideoOperator(task_id="plain", model="sora-2", prompt="x", max_cost_usd=0.5)
    SubmitVideoOperator.partial(task_id="mapped", model="sora-2", prompt="x").expand(max_cost_usd=["0.1", "0.2"])
    costs = [str(clip.max_cost_usd) for found in submits_of(dag.tasks) for clip in found.clips]
    assert costs == ["0.5", "0.1", "0.2"]


# --- decorated tasks: what their function returns is known at run time only


def test_submits_of_decorated_task_has_the_fields_of_the_decorator_and_an_unknown_length(dag):
    @task.lemondata_video(model="sora-2", max_cost_usd="0.5")
    def clip() -> str:
        return "x"

    clip()
    found = facts(dag)
    assert (found.task_id, found.poll_interval, found.number_unknown) == ("clip", None, "")
    assert found.clips == (Clip("sora-2", LATER, max_cost_usd=Decimal("0.5")),)


def test_submits_of_decorated_mapped_task_is_as_many_as_it_is_mapped_over(dag):
    @task.lemondata_video(model="sora-2", duration=4)
    def clip(video_url: str, seconds: int) -> str:
        return f"{video_url} {seconds}"

    clip.expand(video_url=["a", "b"], seconds=[8, 12, 16])
    assert facts(dag).clips == (Clip("sora-2", LATER),) * 6


def test_submits_of_decorated_task_mapped_over_another_task_is_of_unknown_number(dag):
    @task.lemondata_video(model="sora-2")
    def clip(subject: str) -> str:
        return subject

    clip.expand(subject=prompts())
    found = facts(dag)
    assert found.clips == (Clip("sora-2", LATER),)
    assert found.number_unknown == "how many is known at run time only"
