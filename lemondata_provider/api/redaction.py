"""What must never be read in a log, an exception or a rendered template: keys and inline media."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# A payload may be wrapped into lines; "…(" begins a summary that stands in its place already.
_DATA_URL = re.compile(r"data:[^\s\"'<>,]*,(?!…\()(?:[^\s\"'<>]|\s+(?=[A-Za-z0-9+/=]{20}))*", re.IGNORECASE)
_KEY = re.compile(r"\bsk-[A-Za-z0-9_\-]{6,}")


@dataclass(frozen=True)
class DataUrl:
    """A ``data:`` URL that shows its type, size and hash wherever it is printed, and its payload nowhere."""

    url: str = field(repr=False)

    @cached_property
    def _summary(self) -> str:
        head, comma, payload = self.url.partition(",")
        if not comma:  # nothing says where the payload begins
            head, payload = "data:", self.url[len("data:") :]
        try:
            content = base64.b64decode(payload, validate=True) if head.endswith(";base64") else None
        except ValueError:
            content = None
        if content is None:
            content = payload.encode("utf-8", "replace")
        return f"{head},…({len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]})"

    def __str__(self) -> str:
        return self._summary

    __repr__ = __str__


def is_data_url(value: object) -> bool:
    """Say whether a value is a ``data:`` URL in a string."""
    return isinstance(value, str) and value.lstrip()[:5].lower() == "data:"


def shield(value: Any) -> Any:
    """Put a :class:`DataUrl` in the place of every ``data:`` string, also inside lists and dicts."""
    if is_data_url(value):
        return DataUrl(value.strip())
    return _inside(value, shield)


def unshield(value: Any) -> Any:
    """Undo :func:`shield`: give back the strings that can be sent."""
    if isinstance(value, DataUrl):
        return value.url
    return _inside(value, unshield)


def _inside(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [change(item) for item in value]
    return value


def redact(value: Any) -> Any:
    """Shorten ``data:`` URLs and hide API keys in what others wrote: a text, or texts inside lists and dicts."""
    if isinstance(value, str):
        return _KEY.sub("sk-***", _DATA_URL.sub(lambda found: str(DataUrl(found.group())), value))
    if isinstance(value, dict):
        return {redact(name): redact(item) for name, item in value.items()}
    return _inside(value, redact)
