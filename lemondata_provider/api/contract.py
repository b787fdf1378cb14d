"""
Check a request against the contract that the service publishes for its model: pure.

Source: https://docs.lemondata.cc (get-model: ``lemondata.public_contract``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.fields import read_whole
from lemondata_provider.api.models import Model
from lemondata_provider.api.request import Operation, VideoRequest
from lemondata_provider.close_matches import closest

# Other words ("auto", "any", "adaptive", "landscape") are not understood, and rule out nothing.
_RESOLUTION = re.compile(r"\s*\d+[pk]\s*", re.IGNORECASE)
_ASPECT_RATIO = re.compile(r"\s*[\d.]+:[\d.]+\s*")
_ANYTHING = {"auto", "any", "adaptive"}


def check_contract(request: VideoRequest, model: Model) -> None:
    """
    Check a request against the public contract of its model, as far as the contract goes.

    :raises InvalidRequestError: a value is not allowed; the message lists the allowed ones and the nearest.
    """
    given = request.body()
    contract = _limits(model.public_contract, given.get("operation"))
    allowed: dict[str, Sequence[Any]] = {
        "duration": _durations(contract.get("durations")),
        "resolution": _texts(contract.get("resolutions"), _RESOLUTION),
        "aspect_ratio": _texts(contract.get("aspect_ratios"), _ASPECT_RATIO),
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
            f"LemonData's public contract of {request.model!r} rules this out: {'; '.join(problems)}. "
            "Nothing was submitted."
        )


def _limits(contract: Mapping[str, Any], operation: object) -> dict[str, Any]:
    """Return the limits of an operation, and of the whole model where the operation has none."""
    constraints = contract.get("operation_constraints")
    own: Mapping[str, Any] = next(
        (
            item
            for item in (constraints if isinstance(constraints, list) else [])
            if isinstance(item, dict) and operation and _same(item.get("operation")) == _same(operation)
        ),
        {},
    )
    places = [(place, name) for place in (own, contract) for name in ("allowed_{}", "{}")]
    return {
        field: next((value for place, name in places if (value := place.get(name.format(field)))), None)
        for field in ("durations", "resolutions", "aspect_ratios")
    }


def nearest(value: Any, choices: Sequence[Any]) -> Any:
    """Return the nearest choice: the closest number, of two the smaller one; or the most similar text."""
    numbers = [choice for choice in choices if isinstance(choice, int)]
    if isinstance(value, int) and numbers:
        return min(numbers, key=lambda choice: (abs(choice - value), choice))
    return closest(str(value), map(str, choices), cutoff=0.0) or choices[0]


def _durations(value: object) -> list[int]:
    """Return the allowed lengths, or none unless all of them are whole seconds: some models use -1 for "auto"."""
    seconds = [read_whole(item) for item in value] if isinstance(value, list) else []
    known = [item for item in seconds if item is not None and item > 0]
    return known if len(known) == len(seconds) else []


def _texts(value: object, form: re.Pattern[str]) -> list[str]:
    """Return the allowed texts, or none unless all of them have this form."""
    choices = value if isinstance(value, list) else []
    return choices if all(isinstance(item, str) and form.fullmatch(item) for item in choices) else []


def _operations(value: Sequence[str]) -> list[str]:
    """Return the allowed operations, or none unless they are in known words."""
    words = {_same(item) for item in value}
    known = any(operation.value in words for operation in Operation)
    return list(value) if known and not words & _ANYTHING else []


def _same(value: object) -> str:
    """Return one spelling for all of a value: ``4K`` and ``4k``, ``text_to_video`` and ``text-to-video``."""
    return str(value).strip().casefold().replace("_", "-")
