"""What the function of a decorated task returns: a prompt, or request fields; anything else is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.request import REQUEST_FIELDS
from lemondata_provider.close_matches import closest
from lemondata_provider.operators.request_fields import TEXTS, is_blank

NOTHING_SENT = "Nothing was sent."


def fields_from(function: str, returned: Any, blank_as_none: bool) -> dict[str, Any]:
    """
    Return the request fields that a function returned.

    :param function: name of the function, for the message.
    :param returned: a prompt, or a dict of request fields.
    :param blank_as_none: whether a blank value is no mistake.
    :raises InvalidRequestError: it is anything else; the message names what is wrong.
    """
    fields = {"prompt": returned} if isinstance(returned, str) else returned
    if not isinstance(fields, Mapping):
        kind = type(returned).__name__
        problem = f"{function}() must return a prompt or a dict of request fields, not {kind}."
        raise InvalidRequestError(f"{problem} {NOTHING_SENT}")
    problems = [problem for name, value in fields.items() if (problem := _problem(name, value, blank_as_none))]
    if problems:
        raise InvalidRequestError(f"{function}() returned {'; '.join(problems)}. {NOTHING_SENT}")
    return dict(fields)


def _problem(name: Any, value: Any, blank_as_none: bool) -> str:
    if name not in REQUEST_FIELDS:
        shown = redact(str(name))[:80]
        nearest = closest(shown, REQUEST_FIELDS)
        hint = f" (did you mean {nearest!r}?)" if nearest else ""
        return f"{shown!r}, which is no request field{hint}"
    if is_blank(value):
        hint = "leave the key out, or set blank_as_none=True"
        return "" if blank_as_none else f"nothing as {name} ({str(value)!r}): {hint}"
    if name in TEXTS and not isinstance(value, str):
        return f"{type(value).__name__} as {name}, which must be a text"
    return ""
