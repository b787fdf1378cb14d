"""Arguments of operators and sensors, checked when the DAG file is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError


def flag(name: str, value: Any) -> bool:
    """
    Return a truth value, and no guess at one.

    :raises InvalidRequestError: if it is none.
    """
    if not isinstance(value, bool):
        raise InvalidRequestError(f"{name} must be True or False, not {type(value).__name__}")
    return value


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """
    Return one of the words that are allowed.

    :raises InvalidRequestError: if it is none of them.
    """
    if value not in allowed:
        raise InvalidRequestError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return str(value)


def connection_id(name: str, value: Any) -> str:
    """
    Return the id of a connection, or a template of it.

    :raises InvalidRequestError: if it is empty or no text.
    """
    if is_literal(value) and not (isinstance(value, str) and value.strip()):
        raise InvalidRequestError(f"{name} must be the id of an Airflow connection, not {str(value)[:80]!r}")
    text: str = value  # an XComArg becomes a text when it is rendered
    return text


def is_literal(value: Any, template_ext: Sequence[str] = ()) -> bool:
    """
    Say whether Airflow renders a value to itself. A value of an unknown type, such as an XComArg, is no literal.

    :param template_ext: file endings that Airflow takes for templates.
    """
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#")) and not value.endswith(tuple(template_ext))
    if isinstance(value, (list, tuple)):
        return all(is_literal(item, template_ext) for item in value)
    if isinstance(value, dict):
        return is_literal([*value, *value.values()], template_ext)
    return value is None or isinstance(value, (int, float))
