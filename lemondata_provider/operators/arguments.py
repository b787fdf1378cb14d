"""Arguments of operators, checked when the operator is made: what cannot be meant is refused in one sentence."""

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


def names_of_models(name: str, value: Any) -> list[str]:
    """
    Return a list of names of models, empty for nothing.

    :raises InvalidRequestError: if it is anything else.
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)) or not all(isinstance(model, str) and model.strip() for model in value):
        raise InvalidRequestError(f"{name} must be a list of names of models")
    return list(value)


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
