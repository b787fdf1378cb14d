"""
What a model accepts, as the service itself tells it today: pure.

Source: https://docs.lemondata.cc (get-model: ``lemondata.public_contract``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.models import Model
from lemondata_provider.api.request import Operation, VideoRequest
from lemondata_provider.close_matches import closest

# Other words ("auto", "any", "adaptive", "landscape") are not understood, and forbid nothing.
_RESOLUTION = re.compile(r"\s*\d+[pk]\s*", re.IGNORECASE)
_ASPECT_RATIO = re.compile(r"\s*[\d.]+:[\d.]+\s*")
_ANYTHING = {"auto", "any", "adaptive"}


def check_contract(request: VideoRequest, model: Model) -> None:
    """
    Check a request against the public contract of its model; what the contract does not tell is not checked.

    :raises InvalidRequestError: with what is allowed, and what comes nearest.
    """
    given = request.body()
    contract = model.public_contract
    allowed: dict[str, Sequence[Any]] = {
        "duration": _durations(contract.get("allowed_durations")),
        "resolution": _texts(contract.get("allowed_resolutions"), _RESOLUTION),
        "aspect_ratio": _texts(contract.get("allowed_aspect_ratios"), _ASPECT_RATIO),
        "operation": _operations(model.supported_operations),
    }
    problems = [
        f"{name} {given[name]!r} is not allowed (allowed: {', '.join(map(str, choices))}; "
        f"nearest: {nearest(given[name], choices)!r})"
        for name, choices in allowed.items()
        if choices and given.get(name) is not None and _same(given[name]) not in map(_same, choices)
    ]
    if problems:
        raise InvalidRequestError(
            f"LemonData's public contract of {request.model!r} today says otherwise: {'; '.join(problems)}. "
            "Nothing was submitted."
        )


def nearest(value: Any, choices: Sequence[Any]) -> Any:
    """Return the nearest choice: the closest number, of two the smaller one; or the most similar text."""
    numbers = [choice for choice in choices if isinstance(choice, int)]
    if isinstance(value, int) and numbers:
        return min(numbers, key=lambda choice: (abs(choice - value), choice))
    return closest(str(value), map(str, choices), cutoff=0.0) or choices[0]


def _durations(value: object) -> list[int]:
    """Return the lengths that are allowed, or none unless all of them are whole seconds."""
    seconds = [_whole(item) for item in value] if isinstance(value, list) else []
    known = [item for item in seconds if item is not None]
    return known if len(known) == len(seconds) else []


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number > 0 and number.is_integer() else None  # -1 is how some models spell "auto"


def _texts(value: object, form: re.Pattern[str]) -> list[str]:
    """Return the texts that are allowed, or none unless all of them have this form."""
    choices = value if isinstance(value, list) else []
    return choices if all(isinstance(item, str) and form.fullmatch(item) for item in choices) else []


def _operations(value: Sequence[str]) -> list[str]:
    """Return the operations that are allowed, or none unless they are in our words."""
    words = {_same(item) for item in value}
    known = any(operation.value in words for operation in Operation)
    return list(value) if known and not words & _ANYTHING else []


def _same(value: object) -> str:
    """Return what spellings of one value have in common: ``4K`` and ``4k``, ``text_to_video`` and ``text-to-video``."""
    return str(value).strip().casefold().replace("_", "-")
