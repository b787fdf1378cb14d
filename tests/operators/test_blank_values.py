"""What templates and empty cells make of nothing is refused by name, or left out with ``blank_as_none``."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from jinja2 import Undefined

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import operator, rendered, sent

A = "https://x.example/a.png"
NOTHINGS = pytest.mark.parametrize(
    ("value", "native"),
    [
        *((None, False), (None, True), ("", False), ("", True), (" \n", False), ("None", False), ("nan", False)),
        *((float("nan"), True), ("null", True), (Undefined(name="row"), True)),
    ],
    ids=repr,
)


def assert_refused(sandbox: Any, context: Any, fields: dict[str, Any], value: Any, native: bool) -> None:
    name = next(name for name, given in fields.items() if "{{ x }}" in str(given))
    op = rendered(operator(**fields), native=native, x=value)
    with pytest.raises(AirflowFailException, match=rf"^{name}.* rendered to nothing \('") as refused:
        op.execute(context)
    assert "blank_as_none=True" in str(refused.value)
    assert sandbox.ledger.requests() == 0


@NOTHINGS
@pytest.mark.parametrize(
    "fields", [{"prompt": "{{ x }}"}, {"seed": "{{ x }}"}, {"extra_params": {"camera": [{"pan": "{{ x }}"}]}}], ids=str
)
def test_execute_template_rendered_to_nothing_is_refused_by_name(sandbox, context, fields, value, native):
    assert_refused(sandbox, context, fields, value, native)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "{{ x }}", "image_url": A},
        {"negative_prompt": "{{ x }}"},
        {"user": "{{ x }}"},
        {"seed": "{{ x }}"},
        {"operation": "{{ x }}"},
        {"image_url": "{{ x }}"},
        {"output_audio": "{{ x }}"},
        {"model": "{{ x }}"},
        {"extra_params": {"style": "{{ x }}"}},
        {"extra_params": {"camera": [{"pan": "{{ x }}"}]}},
        {"fallback_models": ["veo3", "{{ x }}"]},
        {"model": "veo3.1", "reference_images": [A, "{{ x }}"]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_execute_each_field_rendered_to_nothing_is_refused_by_name(sandbox, context, fields):
    assert_refused(sandbox, context, fields, value=None, native=False)


def test_execute_several_blank_fields_are_all_named(sandbox, context):
    op = rendered(operator(prompt="{{ x }}", seed="{{ y }}", user="{{ z }}"), x=None, y="", z="me")
    with pytest.raises(AirflowFailException, match=r"prompt rendered to nothing \('None'\); seed rendered to"):
        op.execute(context)


def test_execute_result_of_another_task_that_is_nothing_is_refused(sandbox, context):
    with DAG("chain"):
        output: Any = operator().output
        op = SubmitVideoOperator(task_id="next", model="veo3.1", prompt=output["prompt"], image_url=A)
    op.prompt = None  # as Airflow renders it
    with pytest.raises(AirflowFailException, match="prompt rendered to nothing"):
        op.execute(context)


def test_execute_literal_none_is_left_out_and_literal_word_is_sent(sandbox, context):
    op = operator(prompt="None", seed=None, duration="{{ 4 }}", extra_params={"style": None, "mood": ""})
    rendered(op).execute(context)
    assert sent(sandbox) == {
        "model": "sora-2",
        "prompt": "None",
        "duration": 4,
        "style": None,
        "mood": "",
    }


def test_execute_template_with_nothing_among_other_words_is_sent(sandbox, context):
    rendered(operator(prompt="None of {{ x }} and {{ y }}"), x="us", y=None).execute(context)
    assert sent(sandbox)["prompt"] == "None of us and None"


# --- mapped tasks


def mapped(expansion: str, **cells: Any) -> Any:
    """Return the operator of one row, as Airflow makes it of a mapped task."""
    with DAG("mapping", schedule=None):

        @task
        def rows() -> list[Any]:
            return []

        partial = SubmitVideoOperator.partial(task_id="clips", model="veo3.1", user=None)
        source: Any = rows()
        found = {
            "kwargs of a task": lambda: partial.expand_kwargs(source),
            "lists of a task": lambda: partial.expand(**dict.fromkeys(cells, source)),
            "literal kwargs": lambda: partial.expand_kwargs([cells]),
            "literal lists": lambda: partial.expand(**{name: [cell] for name, cell in cells.items()}),
        }[expansion]()
    return found.unmap(cells)


SOURCES = pytest.mark.parametrize("expansion", ["kwargs of a task", "lists of a task"])


@SOURCES
@pytest.mark.parametrize("cell", [None, "", "None", float("nan")], ids=repr)
@pytest.mark.parametrize("name", ["prompt", "seed", "image_url", "duration"])
def test_execute_empty_cell_of_a_mapping_is_refused_by_name(sandbox, context, expansion, cell, name):
    op = mapped(expansion, **{"prompt": "a cat", "end_image": A, name: cell})
    with pytest.raises(AirflowFailException, match=f"^{name} rendered to nothing"):
        op.execute(context)
    assert sandbox.ledger.requests() == 0


@pytest.mark.parametrize("expansion", ["kwargs of a task", "literal kwargs"])
def test_execute_mapped_field_that_no_row_has_is_left_out(sandbox, context, expansion):
    mapped(expansion, prompt="a cat", duration=4).execute(context)
    assert sent(sandbox) == {"model": "veo3.1", "prompt": "a cat", "operation": "text-to-video", "duration": 4}


@pytest.mark.parametrize("expansion", ["literal kwargs", "literal lists"])
def test_execute_literal_none_of_a_mapping_is_left_out(sandbox, context, expansion):
    mapped(expansion, prompt="a cat", seed=None).execute(context)
    assert "seed" not in sent(sandbox)


# --- blank_as_none


@NOTHINGS
def test_blank_as_none_leaves_out_what_rendered_to_nothing(sandbox, context, value, native):
    op = operator(
        prompt="a cat",
        seed="{{ x }}",
        user="{{ x }}",
        image_url="{{ x }}",
        image_urls=["{{ x }}"],
        extra_params={"style": "{{ x }}", "camera": {"pan": "{{ x }}", "tilt": 2}},
        fallback_models=["{{ x }}"],
        blank_as_none=True,
    )
    rendered(op, native=native, x=value).execute(context)
    expected = {"model": "sora-2", "prompt": "a cat", "camera": {"tilt": 2}}
    assert sent(sandbox) == expected


@pytest.mark.parametrize("cell", [None, "", "None", float("nan")], ids=repr)
@pytest.mark.parametrize("expansion", ["kwargs of a task", "lists of a task", "literal kwargs", "literal lists"])
def test_blank_as_none_leaves_out_empty_cells_of_a_mapping(sandbox, context, expansion, cell):
    op = mapped(expansion, prompt="a cat", seed=cell, image_url=cell, blank_as_none=True)
    op.execute(context)
    assert sent(sandbox) == {"model": "veo3.1", "prompt": "a cat", "operation": "text-to-video"}


def test_blank_as_none_rows_of_a_table_in_the_dag_file_leave_empty_cells_out(sandbox, context):
    row = {"prompt": "a cat", "seed": "", "image_url": "None"}
    operator(**row, blank_as_none=True).execute(context)
    assert sent(sandbox) == {"model": "sora-2", "prompt": "a cat", "operation": "text-to-video"}


def test_blank_as_none_all_fields_blank_is_refused_all_the_same(sandbox, context):
    with pytest.raises(InvalidRequestError, match="Neither a prompt nor any input was given"):
        operator(model="sora-3", prompt="", blank_as_none=True)
    with pytest.raises(AirflowFailException, match="Neither a prompt nor any input was given"):
        rendered(operator(prompt="{{ x }}", blank_as_none=True), x=None).execute(context)
    assert sandbox.ledger.requests() == 0


def test_init_blank_as_none_not_a_bool_raises():
    with pytest.raises(InvalidRequestError, match="blank_as_none must be True or False, not str"):
        operator(blank_as_none="yes")


# --- native rendering


@pytest.mark.parametrize(
    ("fields", "value", "text"),
    [
        ({"prompt": "{{ x }}"}, "2024", "2024"),
        ({"prompt": "{{ x }}"}, 2024, "2024"),
        ({"negative_prompt": "{{ x }}"}, "3", "3"),
        ({"user": "{{ x }}"}, "12345", "12345"),
        ({"user": "{{ x }}"}, "1.5", "1.5"),
        ({"user": "{{ x }}"}, "True", "True"),
    ],
)
def test_execute_native_number_in_a_text_field_is_sent_as_a_text(sandbox, context, fields, value, text):
    rendered(operator(**fields), native=True, x=value).execute(context)
    assert sent(sandbox)[next(iter(fields))] == text


def test_execute_mapped_number_in_a_text_field_is_sent_as_a_text(sandbox, context):
    mapped("lists of a task", prompt=2024).execute(context)
    assert sent(sandbox)["prompt"] == "2024"


def test_execute_native_number_in_a_number_field_stays_a_number(sandbox, context):
    op = operator(seed="{{ x }}", extra_params={"style": "{{ x }}"})
    rendered(op, native=True, x="7").execute(context)
    assert (sent(sandbox)["seed"], sent(sandbox)["style"]) == (7, 7)
