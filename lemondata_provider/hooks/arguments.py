"""Arguments of operators and sensors, checked when the DAG file is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.fields import parse_count
from lemondata_provider.api.task import identify


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


def in_seconds(name: str, value: float | timedelta) -> float:
    """
    Return a duration in seconds.

    :raises InvalidRequestError: unless it is a number of seconds above 0, or a timedelta.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
        shown = repr(value) if isinstance(value, (int, float, str, timedelta)) else type(value).__name__
        raise InvalidRequestError(f"{name} must be a number of seconds above 0, not {shown}")
    return float(seconds)


def count(name: str, value: Any) -> int:
    """
    Return a whole number of 1 or more.

    :raises InvalidRequestError: if it is none.
    """
    try:
        return parse_count(value)
    except ValueError as error:
        raise InvalidRequestError(f"{name} {error}, not {value!r}") from None


def connection_id(name: str, value: Any) -> str:
    """
    Return the id of a connection, or a template of it.

    :raises InvalidRequestError: if it is empty or no text.
    """
    if is_literal(value) and not (isinstance(value, str) and value.strip()):
        raise InvalidRequestError(f"{name} must be the id of an Airflow connection, not {str(value)[:80]!r}")
    text: str = value  # an XComArg becomes a text when it is rendered
    return text


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


def identified_task(poll_url: Any) -> tuple[str, str] | None:
    """
    Return id and poll URL of a task, or ``None`` if there are none.

    :param poll_url: a poll URL, or the result of a submit.
    """
    return identify(poll_url if isinstance(poll_url, dict) else {"poll_url": poll_url})


def named_task(poll_url: Any) -> tuple[str, str]:
    """
    Return id and poll URL of the task that ``poll_url`` names.

    :param poll_url: a poll URL, or the result of a submit.
    :raises InvalidRequestError: if it names none.
    """
    task = identified_task(poll_url)
    if task is None or "/" not in task[1] or task[1].lstrip().startswith("{"):
        raise InvalidRequestError(
            "poll_url must be a poll URL such as '/v1/tasks/<id>', or the result of SubmitVideoOperator as a "
            f"dict (submit.output, not a template that makes a text of it), not {str(poll_url)[:80]!r}"
        )
    return task


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
