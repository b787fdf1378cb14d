"""
Values that every database and every pipe of Airflow takes, and that are small.

PostgreSQL stores neither NUL nor half a surrogate pair, Airflow's processes send each other no integer above 64 bits,
and one event that cannot be stored ends a triggerer with all that waits in it.
"""

from __future__ import annotations

import math
from typing import Any

MAX_TEXT = 8_192  # characters; a signed link has up to two thousand
MAX_TOTAL = 131_072  # characters of one value
MAX_ITEMS = 100  # of a list or a dict
MAX_DEPTH = 8
MAX_INTEGER = 2**63
_CONTROL_CHARACTERS = dict.fromkeys({*range(32), *range(127, 160)} - {*map(ord, "\t\n\r")})


def clean_text(text: str) -> str:
    """Return a text without control characters and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().translate(_CONTROL_CHARACTERS)


def cut_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return a text, or its beginning and an ellipsis if it is longer than the limit."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def storable(value: Any) -> Any:
    """Return JSON values with clean texts, and with what is too long, too deep or too large left out."""
    return _Bounds().apply(value, MAX_DEPTH)


class _Bounds:
    """How much room is left in one value."""

    def __init__(self) -> None:
        self._room = MAX_TOTAL

    def apply(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._dict(value, depth)
        if isinstance(value, (list, tuple)):
            items = value[:MAX_ITEMS] if depth > 0 else ()
            return [self.apply(item, depth - 1) for item in items if self._has_room()]
        return _number(value) if isinstance(value, (int, float)) else value

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        names = list(value)[:MAX_ITEMS] if depth > 0 else []
        return {self._text(str(name)): self.apply(value[name], depth - 1) for name in names if self._has_room()}

    def _text(self, text: str) -> str:
        bounded = cut_text(clean_text(text[: MAX_TEXT + 1]), min(MAX_TEXT, max(self._room, 0)))
        self._room -= len(bounded)
        return bounded

    def _has_room(self) -> bool:
        self._room -= 1
        return self._room > 0


def _number(value: float) -> float | None:
    if isinstance(value, int) and abs(value) < MAX_INTEGER:
        return value
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
