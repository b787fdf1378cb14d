"""Templates, mapped tasks, and inline media, which no rendered field shows."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import operator, rendered, sent

PAYLOAD = base64.b64encode(b"\x89PNG not really a picture" * 20).decode()
DATA_URL = f"data:image/png;base64,{PAYLOAD}"


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


def test_inline_media_in_an_invalid_field_is_not_in_the_error(sandbox, context):
    with pytest.raises(InvalidRequestError) as literal:
        operator(duration=DATA_URL)
    assert PAYLOAD[:20] not in str(literal.value)
    with pytest.raises(AirflowFailException) as refused:
        rendered(operator(duration="{{ seconds }}"), seconds=DATA_URL).execute(context)
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
