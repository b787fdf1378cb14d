"""The tables of docs/reference have what the code has: parameters, defaults, errors, metrics, faults, routes."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from dataclasses import fields
from typing import Any

import pytest

from lemondata_provider.api import errors
from lemondata_provider.api.request import REQUEST_FIELDS
from lemondata_provider.get_provider_info import get_provider_info
from lemondata_provider.hooks import exceptions
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sandbox.__main__ import ready
from lemondata_provider.sandbox.app import create_app
from lemondata_provider.sandbox.faults import AFTER, BEFORE, KINDS
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.service import Service
from lemondata_provider.sandbox.settings import Settings
from tests.api.doubles import error_classes
from tests.docs.markdown import ROOT, between, blocks, rows, text, words

OPERATORS = "docs/reference/operators.md"
CONNECTION = "docs/reference/connection.md"
ERRORS = "docs/reference/errors.md"
SANDBOX = "docs/reference/sandbox.md"
PARAMETERS = inspect.signature(SubmitVideoOperator.__init__).parameters
KINDS_OF_METRICS = {"incr": "counter", "gauge": "gauge", "timing": "timer"}


def test_result_example_has_exactly_the_keys_of_a_result(sandbox: Any, context: Any) -> None:
    result = SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="a cat", duration=4).execute(context)
    (example,) = map(ast.literal_eval, blocks("docs/reference/results.md", "python"))
    assert set(example) == set(result)
    assert example["estimated_cost_usd"] == result["estimated_cost_usd"]


def test_result_table_names_keys_of_a_result() -> None:
    (example,) = map(ast.literal_eval, blocks("docs/reference/results.md", "python"))
    table = rows(between("docs/reference/results.md", '    "skipped": False,', "`estimated_cost_usd` is `None`"))
    assert {key for names, _ in table for key in words(names)} <= set(example)


def test_operator_parameter_list_has_exactly_the_request_fields() -> None:
    listed = words(between(OPERATORS, "takes the API's fields by their own names:", "\n\n"))
    assert set(listed) == set(REQUEST_FIELDS)
    assert set(listed) <= set(PARAMETERS)


@pytest.mark.parametrize(
    "row", rows(between(OPERATORS, "## Payment options", "## SubmitVideoOperator")), ids=lambda row: row[0]
)
def test_payment_option_names_a_parameter_and_its_default(row: list[str]) -> None:
    default = PARAMETERS[row[0].strip("`")].default
    assert row[1].strip("`") == ("none" if default is None else str(default))


def test_operator_docstring_has_each_parameter() -> None:
    documented = re.findall(r"^ *:param (\w+):", SubmitVideoOperator.__doc__ or "", re.MULTILINE)
    assert sorted(documented) == sorted(PARAMETERS.keys() - {"self", "kwargs"})


def test_connection_table_has_exactly_the_fields_of_the_form() -> None:
    table = rows(between(CONNECTION, "The connection type is", "```console"))
    extras = {words(spelled)[-1]: label for label, spelled, *_ in table if spelled.startswith("extra")}
    (form,) = get_provider_info()["connection-types"]
    assert extras == {name: field["label"] for name, field in form["conn-fields"].items()}
    assert {label for label, spelled, *_ in table if not spelled.startswith("extra")} == set(
        form["ui-field-behaviour"]["relabeling"].values()
    )


def test_error_table_names_existing_errors() -> None:
    table = rows(between(ERRORS, "## What a retry does", "## Exceptions in Airflow tasks"))
    named = [word for cause, *_ in table for word in words(cause) if word.endswith("Error")]
    assert named
    assert all(hasattr(errors, name) or hasattr(exceptions, name) for name in named), named


def test_error_table_says_of_each_final_error_that_there_is_no_retry() -> None:
    table = rows(between(ERRORS, "## What a retry does", "## Exceptions in Airflow tasks"))
    without_retry = {name for raised, _, retry in table if retry.startswith("none") for name in words(raised)}
    assert without_retry == {cls.__name__ for cls in error_classes() if cls("it broke").final}


def test_error_tree_has_each_error() -> None:
    (members,) = re.findall(r"automodule:: lemondata_provider.api.errors\n   :members: (.+)", text(ERRORS))
    defined = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LemonDataError)
    ]
    assert members.split(", ") == defined


def metrics_of(source: str) -> set[tuple[str, str]]:
    """Return name and kind of each metric of a module, sent as ``stats.incr(name)`` or ``send(stats.incr, name)``."""
    found = set()
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        for part, name in zip([call.func, *call.args], call.args, strict=False):
            if (
                isinstance(part, ast.Attribute)
                and part.attr in KINDS_OF_METRICS
                and isinstance(name, ast.Constant)
                and str(name.value).startswith("lemondata.")
            ):
                found.add((str(name.value), KINDS_OF_METRICS[part.attr]))
    return found


def test_metrics_table_has_exactly_the_metrics_of_the_code() -> None:
    sent = {
        metric
        for path in (ROOT / "lemondata_provider").rglob("*.py")
        for metric in metrics_of(path.read_text(encoding="utf-8"))
    }
    table = [row for row in rows(text("docs/reference/metrics.md")) if len(row) == 4]
    assert {(name.strip("`"), kind) for name, kind, *_ in table} == sent


def test_fault_table_has_exactly_the_faults() -> None:
    table = rows(between(SANDBOX, "## Faults", "## Settings"))
    assert {name.strip("`") for name, *_ in table} == set(KINDS)
    accepted = {name.strip("`") for name, accepted, *_ in table if accepted == "accepted"}
    assert accepted == KINDS - BEFORE
    assert accepted >= AFTER


def test_route_table_has_exactly_the_controls_of_the_sandbox() -> None:
    app: Any = create_app(Service()).app
    controls = {
        f"{method} {route.path}"
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith(("/sandbox", "/healthz"))
    }
    assert {name.strip("`") for name, _ in rows(between(SANDBOX, "## Routes", "## Faults"))} == controls


def test_sandbox_output_is_what_the_command_prints() -> None:
    (output, *_) = [block for block in blocks(SANDBOX, "console") if "sandbox --port 8089" in block]
    assert output.partition("\n")[2] == ready(Sandbox(port=8089))


def test_refused_request_example_is_what_the_operator_raises() -> None:
    with pytest.raises(errors.InvalidRequestError) as refused:
        SubmitVideoOperator(task_id="clip", model="sora-2", prompt="a cat", video_url="https://x.example/a.mp4")
    (example,) = blocks("docs/reference/models.md", "text")
    assert " ".join(example.split()) == f"InvalidRequestError: {refused.value}"


def test_generated_tables_have_each_setting_and_option() -> None:
    pytest.importorskip("sphinx")  # where the docs are built
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs/generated.py")
    assert spec
    assert spec.loader
    generated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generated)
    assert {name.strip("`") for name, *_ in rows(generated.settings())} == {field.name for field in fields(Settings)}
    assert all(cell for row in rows(generated.settings()) for cell in row[:3])
    assert {name.strip("`") for name, *_ in rows(generated.configuration())} == set(
        get_provider_info()["config"]["lemondata"]["options"]
    )
    assert len(rows(generated.routes())) > 1
    assert rows(generated.catalog())
