"""docs/guide.md names what the code has: parameters, defaults, connection fields, errors and the keys of a result."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest

from lemondata_provider.api import errors
from lemondata_provider.api.request import REQUEST_FIELDS
from lemondata_provider.get_provider_info import get_provider_info
from lemondata_provider.hooks import exceptions
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.docs.markdown import between, blocks, rows, words

GUIDE = "docs/guide.md"
PARAMETERS = inspect.signature(SubmitVideoOperator.__init__).parameters


def test_guide_result_example_has_exactly_the_keys_of_a_result(sandbox: Any, context: Any) -> None:
    result = SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="a cat", duration=4).execute(context)
    example = next(ast.literal_eval(block) for block in blocks(GUIDE, "python") if block.startswith("{"))
    assert set(example) == set(result)
    assert example["estimated_cost_usd"] == result["estimated_cost_usd"]


def test_guide_parameter_list_has_exactly_the_request_fields() -> None:
    listed = words(between(GUIDE, "takes the API's fields by their own names:", "Use `extra_params`"))
    assert sorted([*listed, "extra_params"]) == sorted(REQUEST_FIELDS)
    assert set(listed) <= set(PARAMETERS)


@pytest.mark.parametrize("row", rows(between(GUIDE, "## Paying once", "## Errors")), ids=lambda row: row[0])
def test_guide_option_names_a_parameter_and_its_default(row: list[str]) -> None:
    default = PARAMETERS[row[0].strip("`")].default
    assert row[1].strip("`") == ("none" if default is None else str(default))


def test_guide_connection_table_has_exactly_the_fields_of_the_form() -> None:
    table = rows(between(GUIDE, "## Connection", "```console"))
    extras = {words(spelled)[-1]: label for label, spelled, *_ in table if spelled.startswith("extra")}
    (form,) = get_provider_info()["connection-types"]
    assert extras == {name: field["label"] for name, field in form["conn-fields"].items()}
    assert {label for label, spelled, *_ in table if not spelled.startswith("extra")} == set(
        form["ui-field-behaviour"]["relabeling"].values()
    )


def test_guide_error_table_names_existing_errors() -> None:
    table = rows(between(GUIDE, "| raised | cause | a retry |", "Set `retries`"))
    named = [word for cause, *_ in table for word in words(cause) if word.endswith("Error")]
    assert named
    assert all(hasattr(errors, name) or hasattr(exceptions, name) for name in named), named
