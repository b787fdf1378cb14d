"""
Tables of the reference that are read from the code when the site is built.

In a page::

    ```{generated} options plan
    ```
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(value: object) -> str:
    """Return a value as code, and nothing as nothing."""
    return f"`{value}`" if value not in (None, "") else ""


def options(command: str) -> str:
    """Return what a command of ``airflow lemondata`` does, and its arguments."""
    from lemondata_provider.cli import get_commands  # noqa: PLC0415 # the other tables do not need Airflow

    group: Any = get_commands()[0]
    (found,) = (one for one in group.subcommands if one.name == command)
    parser = argparse.ArgumentParser(command, add_help=False)
    for argument in found.args:
        argument.add_to_parser(parser)
    return f"{found.help}.\n\n{_arguments(parser)}"


def server() -> str:
    """Return the arguments of ``python -m lemondata_provider.sandbox``."""
    from lemondata_provider.sandbox.__main__ import _parser  # noqa: PLC0415 # the path is set by then

    return _arguments(_parser())


def _arguments(parser: argparse.ArgumentParser) -> str:
    rows = [(code(_spelling(action)), _help(action)) for action in parser._actions if action.dest != "help"]
    return table(("argument", ""), rows)


def _spelling(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings) or action.dest
    has_value = action.option_strings and action.nargs != 0
    return f"{names} {action.metavar or action.dest.upper()}" if has_value else names


def _help(action: argparse.Action) -> str:
    text = " ".join((action.help or "").replace("\\[", "[").split())
    choices = f": {', '.join(map(code, action.choices))}" if action.choices and "values" not in text else ""
    return (text % {"default": action.default}).rstrip(".") + choices


def configuration() -> str:
    """Return the options of ``[lemondata]``."""
    from lemondata_provider.get_provider_info import get_provider_info  # noqa: PLC0415 # the path is set by then

    found = get_provider_info()["config"]["lemondata"]["options"]
    rows = [
        (code(name), option["type"], code(option["default"]), code(option["example"]), option["description"])
        for name, option in found.items()
    ]
    return table(("option", "type", "default", "example", ""), rows)


def settings() -> str:
    """Return the settings of the sandbox, with the comments of the code."""
    from lemondata_provider.sandbox.settings import Settings  # noqa: PLC0415 # the path is set by then

    source, rows = inspect.getsource(Settings), list[list[str]]()
    parts = list[tuple[str, list[list[str]]]]()
    known = {field.name: field for field in fields(Settings)}
    for line in source.partition("def ")[0].splitlines():
        if heading := re.fullmatch(r"    # (?!\^)(.+)", line):
            parts.append((heading[1], rows := []))
        elif more := re.fullmatch(r"    # \^ (.+)", line):
            rows[-1][3] = more[1]
        elif setting := re.match(r"    (\w+): .* = .*?(?:  # (?:noqa: \w+ # )?(.*))?$", line):
            field = known[setting[1]]
            kind = re.sub(r"^Literal\[(.*)\]$", r"\1", str(field.type)).replace('"', "")
            rows.append([code(field.name), code(kind), code(repr(field.default)), setting[2] or ""])
    return "\n\n".join(
        f"**{heading}**\n\n{table(('setting', 'takes', 'default', ''), rows)}" for heading, rows in parts
    )


def catalog() -> str:
    """Return the models of the package's catalog."""
    from lemondata_provider.catalog import load  # noqa: PLC0415 # the path is set by then

    rows = [
        (
            code(model.id),
            model.family,
            ", ".join(model.operations) or "unknown",
            model.audio,
            f"{model.price} per {model.price_unit}" if model.price else "",
            "yes" if model.listed else "no",
        )
        for model in load().models
    ]
    return table(("model", "family", "operations", "audio", "USD", "listed"), rows)


def routes() -> str:
    """Return the routes of the plugin, of its own OpenAPI document."""
    from lemondata_provider.plugins.app import build  # noqa: PLC0415 # the other tables do not need FastAPI

    rows = [
        (
            code(f"/lemondata{path}"),
            ", ".join(code(parameter["name"]) for parameter in route["get"].get("parameters", ())),
            route["get"]["description"],
        )
        for path, route in build(auth_manager=object()).openapi()["paths"].items()
    ]
    return table(("GET", "parameters", ""), rows)


TABLES: dict[str, Callable[..., str]] = {
    function.__name__: function for function in (options, server, configuration, settings, catalog, routes)
}


TYPES = {
    "Text": "str",
    "Texts": "list[str]",
    "Object": "dict[str, Any]",
    "Objects": "list[dict[str, Any]]",
    "Switch": "bool",
    "Integer": "int",
    "Number": "float",
}


class Generated(SphinxDirective):
    """Put a table of the code into a page."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed table."""
        name, *arguments = self.arguments
        return self.parse_text_to_nodes(TABLES[name](*arguments))


def name_types() -> None:
    """Name the types of templated parameters: a reader of the page does not know our aliases of them."""
    from lemondata_provider.operators.video import SubmitVideoOperator  # noqa: PLC0415 # the path is set by then
    from lemondata_provider.sensors.task import TaskSensor  # noqa: PLC0415 # the same
    from lemondata_provider.transfers.video_to_object_storage import (  # noqa: PLC0415 # the same
        VideoToObjectStorageOperator,
    )

    for operator in (SubmitVideoOperator, TaskSensor, VideoToObjectStorageOperator):
        annotations = inspect.unwrap(operator.__init__).__annotations__
        for name, annotation in annotations.items():
            annotations[name] = re.sub(r"\b[A-Z]\w+\b", lambda match: TYPES.get(match[0], match[0]), annotation)


def setup(app: Sphinx) -> dict[str, Any]:
    """Let Sphinx know the directive."""
    name_types()
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
