"""
What a model accepts, as the service itself tells it today: pure.

Source: https://docs.lemondata.cc (get-model: ``lemondata.public_contract``).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.inventory import Model
from lemondata_provider.api.request import VideoRequest

_ALLOWED = {
    "duration": "allowed_durations",
    "resolution": "allowed_resolutions",
    "aspect_ratio": "allowed_aspect_ratios",
}


def check_contract(request: VideoRequest, model: Model) -> None:
    """
    Check a request against the public contract of its model; what the contract does not tell is not checked.

    :raises InvalidRequestError: with what is allowed, and what comes nearest.
    """
    given = request.body()
    hints = {hint: _choices(model.public_contract.get(hint)) for hint in _ALLOWED.values()}
    allowed = {name: hints[hint] for name, hint in _ALLOWED.items()} | {"operation": list(model.supported_operations)}
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
    """Return the choice that comes nearest: of numbers the closest, and of two the smaller; of texts the likest."""
    numbers = [choice for choice in choices if isinstance(choice, int)]
    if isinstance(value, int) and numbers:
        return min(numbers, key=lambda choice: (abs(choice - value), choice))
    likest = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1, cutoff=0.0)
    return likest[0] if likest else choices[0]


def _choices(told: object) -> list[Any]:
    """Return a list of plain values; in any other form the contract is not understood, and forbids nothing."""
    plain = isinstance(told, list) and all(isinstance(item, (int, str)) for item in told)
    return list(told) if plain and isinstance(told, list) else []


def _same(value: object) -> str:
    """Return what two spellings of one value have in common: ``8`` and ``"8"``, ``4K`` and ``4k``."""
    return str(value).strip().casefold()
