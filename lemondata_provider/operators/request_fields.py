"""The request fields of an operator once they are rendered: nothing that a template made of nothing is submitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import Undefined

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.redaction import unshield
from lemondata_provider.api.request import REQUEST_FIELDS, VideoRequest
from lemondata_provider.hooks.arguments import is_literal
from lemondata_provider.hooks.version_compat import init_kwargs, is_from_mapped, mapped_source

FIELDS = (*REQUEST_FIELDS, "fallback_models")
TEXTS = {name for name, field in VideoRequest.model_fields.items() if field.annotation in (str, str | None)}
BLANKS = ("", "None", "nan", "null")  # what templates and empty cells of a table make of nothing
Path = tuple[Any, ...]


def computed_paths(value: Any, template_ext: Sequence[str], path: Path = ()) -> Iterator[Path]:
    """
    Yield each place inside a value that is known at run time only: templates and results of other tasks.

    :param value: an argument as the DAG file has it.
    :param template_ext: file endings that Airflow takes for templates.
    :param path: place of the value: names and indexes.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield from computed_paths(item, template_ext, (*path, name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from computed_paths(item, template_ext, (*path, index))
    elif not is_literal(value, template_ext):
        yield path


def request_fields(operator: Any) -> dict[str, Any]:
    """
    Return the request fields of an operator and its ``fallback_models``, as they are now.

    :param operator: an operator with the request's fields, ``blank_as_none`` and ``computed``.
    """
    fields = {name: unshield(getattr(operator, name)) for name in FIELDS}
    if operator.blank_as_none:
        fields = {name: _without_blanks(value) for name, value in fields.items()}
    computed = {path[0] for path in operator.computed} | (set(FIELDS) if is_from_mapped(operator) else set())
    return {name: _as_text(value) if name in TEXTS & computed else value for name, value in fields.items()}


def rendered_fields(operator: Any) -> dict[str, Any]:
    """
    Return the request fields of an operator that Airflow has rendered.

    :param operator: see :func:`request_fields`.
    :raises InvalidRequestError: a template or a mapped value is blank; the message names the fields.
    """
    fields = request_fields(operator)
    if operator.blank_as_none:
        return fields
    paths = [*operator.computed, *((name,) for name in sorted(_mapped_names(operator)))]
    blank = {_written(path): value for path in paths for value in _at(fields, path) if is_blank(value)}
    if blank:
        raise InvalidRequestError(
            f"{'; '.join(f'{name} rendered to nothing ({str(value)!r})' for name, value in blank.items())}. Correct "
            "the template or its source. blank_as_none=True leaves such a field out."
        )
    return fields


def is_blank(value: Any) -> bool:
    """Return whether a value is what templates and empty cells make of nothing."""
    if isinstance(value, str):
        return value.strip() in BLANKS
    return value is None or isinstance(value, Undefined) or (isinstance(value, float) and value != value)  # noqa: PLR0124 # NaN is not equal to itself


def _mapped_names(operator: Any) -> set[str]:
    """Return the fields that a mapping gives from the result of another task; a literal None is left out."""
    source = mapped_source(operator)
    if source is None:
        return set()
    partial, value = source
    given = init_kwargs(operator).keys() & set(FIELDS) - partial.keys()
    if isinstance(value, Mapping):
        return {name for name in given if not is_literal(value.get(name))}
    return set() if is_literal(value) else given


def _at(fields: dict[str, Any], path: Path) -> Iterator[Any]:
    """Yield the value at a place, if the place is still there."""
    value: Any = fields
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return
    yield value


def _written(path: Path) -> str:
    return str(path[0]) + "".join(f"[{step!r}]" for step in path[1:])


def _without_blanks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: kept for name, item in value.items() if (kept := _without_blanks(item)) is not None}
    if isinstance(value, list):
        return [kept for item in value if (kept := _without_blanks(item)) is not None] or None
    return None if is_blank(value) else value


def _as_text(value: Any) -> Any:
    """Undo what native rendering makes of a text of digits, such as the prompt "2024"."""
    return str(value) if isinstance(value, (int, float)) else value
