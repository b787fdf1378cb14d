"""Literals that no request can have are import errors; what is known at run time only is judged when it is rendered."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import operator, rendered

A, B = "https://x.example/a.png", "https://x.example/b.png"
IMPOSSIBLE = pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        # as the issue names them
        ({"prompt": ""}, "prompt is empty"),
        ({"duration": "four"}, "duration must be a number, not 'four'"),
        ({"image": "srv/a.png"}, "image must be a public https URL"),
        ({"model": "veo3.1", "reference_images": A}, "reference_images must be a list of URLs"),
        ({"fallback_models": "veo3"}, "fallback_models must be a list of names of models"),
        ({"model": None}, "model must be a text"),
        # and their siblings
        ({"prompt": "  \n"}, "prompt is empty"),
        ({"prompt": 2024}, "prompt must be a text"),
        ({"model": ""}, "model is empty"),
        ({"fallback_models": [""]}, "fallback_models must be a list of names of models"),
        ({"fallback_models": [None]}, "fallback_models must be a list of names of models"),
        ({"image_url": "s3://bucket"}, "image_url must be a public https URL"),
        ({"model": "topaz-video-upscale", "video_url": "local/file.mp4"}, "video_url must be a public https URL"),
        ({"model": "veo3.1", "reference_images": ["ftp://x"]}, "reference_images must be a public https URL"),
        ({"model": "veo3.1", "image_urls": [A, None]}, "image_urls is empty"),
        ({"duration": 4.5}, "duration must be a whole number, not '4.5'"),
        ({"duration": True}, "duration must be a number, not 'True'"),
        ({"seed": "None"}, "seed must be a number, not 'None'"),
        ({"cfg_scale": float("nan")}, "cfg_scale must be a number"),
        ({"output_audio": "loud"}, "output_audio must be true or false, not 'loud'"),
        ({"kling_elements": "@dog"}, "kling_elements must be a valid list"),
        ({"extra_params": "x"}, "extra_params"),
        ({"extra_params": {"a": float("inf")}}, "extra_params must be JSON"),
        ({"duration": 5, "extra_params": {"duration": 4}}, "extra_params must not contradict duration"),
        ({"lemondata_conn_id": ""}, "lemondata_conn_id must be the id of an Airflow connection"),
        ({"lemondata_conn_id": None}, "lemondata_conn_id must be the id of an Airflow connection"),
    ],
)


@IMPOSSIBLE
@pytest.mark.parametrize("validation", ["strict", "warn", "off"])
def test_init_impossible_literal_raises_in_one_line_in_every_validation(fields, sentence, validation):
    with pytest.raises(InvalidRequestError) as refused:
        operator(**fields, validation=validation)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@IMPOSSIBLE
def test_init_impossible_literal_beside_a_template_raises(fields, sentence):
    others = {"prompt": "{{ x }}", "model": "{{ x }}", "video_url": "{{ x }}", **fields}
    with pytest.raises(InvalidRequestError) as refused:
        operator(**others)
    assert sentence in str(refused.value)


def test_init_no_prompt_and_no_input_raises_if_nothing_is_templated():
    with pytest.raises(InvalidRequestError, match="Neither a prompt nor any input was given"):
        operator(model="sora-3", prompt=None)
    operator(model="sora-3", prompt=None, image_url="{{ url }}")
    operator(model="sora-3", prompt=None, extra_params={"mesh_url": A})


@pytest.mark.parametrize(
    ("fields", "values", "sentence"),
    [
        ({"image": "{{ x }}"}, {"x": "srv/a.png"}, "image must be a public https URL"),
        ({"duration": "{{ x }}"}, {"x": "four"}, "duration must be a number, not 'four'"),
        ({"model": "veo3.1", "reference_images": "{{ x }}"}, {"x": A}, "reference_images must be a list of URLs"),
        ({"output_audio": "{{ x }}"}, {"x": "loud"}, "output_audio must be true or false, not 'loud'"),
        ({"operation": "{{ x }}"}, {"x": "text2video"}, "operation must be one of text-to-video"),
    ],
)
def test_execute_impossible_rendered_value_fails_in_one_line_and_sends_no_request(
    sandbox, context, fields, values, sentence
):
    op = rendered(operator(**fields), **values)
    with pytest.raises(AirflowFailException) as refused:
        op.execute(context)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sandbox.ledger.requests() == 0


@pytest.mark.parametrize("path", ["s3://aws@bucket/a.png", "gs://bucket/a.png", "file:///srv/a.png", "/srv/a.png"])
def test_init_literal_file_in_storage_is_accepted(path):
    operator(model="veo3.1", prompt="x", image_url=path)
    operator(model="veo3.1", prompt="x", operation="reference-to-video", reference_images=[path, A])


def test_init_templates_and_results_of_other_tasks_are_not_judged():
    with DAG("reading"):
        output: Any = operator().output
        for number, fields in enumerate(
            [
                {"prompt": "{{ x }}"},
                {"prompt": output["prompt"], "image_url": output["video_url"]},
                {"fallback_models": "{{ models }}"},
                {"fallback_models": output["models"]},
                {"fallback_models": ["{{ x }}", "veo3"]},
                {"model": "veo3.1", "reference_images": "{{ images }}"},
                {"model": "veo3.1", "reference_images": [A, output["video_url"]]},
                {"model": "{{ m }}", "duration": "{{ d }}", "image": "{% if x %}/tmp{% endif %}"},
                {"lemondata_conn_id": "{{ conn }}"},
                {"lemondata_conn_id": output["conn"]},
                {"extra_params": {"prompt": "a dog"}, "prompt": None, "image_url": "{{ x }}"},
            ]
        ):
            SubmitVideoOperator(task_id=f"task_{number}", **{"model": "sora-2", "prompt": "x", **fields})


def test_expand_impossible_literal_is_refused_when_the_mapped_task_runs(sandbox, context):
    with DAG("mapping"):
        mapped = SubmitVideoOperator.partial(task_id="clips", model="sora-2").expand(prompt=["a cat", ""])
    with pytest.raises(AirflowFailException, match="prompt is empty"):
        mapped.unmap({"prompt": ""}).execute(context)  # an error in the constructor would be retried
    assert sandbox.ledger.requests() == 0
