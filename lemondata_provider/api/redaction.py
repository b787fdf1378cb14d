"""What must never be read in a log, an exception or a rendered template: keys and inline media."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# A head is short: without a limit, a text of many heads would be read once for each. "…(" begins a summary that
# stands in its place already.
_HEAD = re.compile(r"data:[^\s\"'<>,]{0,200},(?!…\()", re.IGNORECASE)
# It may be wrapped into lines.
_PAYLOAD = re.compile(r"(?:[^\s\"'<>]|\s+(?=[\w+/=-]{20})|[\r\n]+(?=[\w+/=-]+[ \t]*(?:[\r\n\"'<>]|\Z)))*", re.ASCII)
_SHORT = re.compile(r"\s*data:[^,]*,…\(", re.IGNORECASE)
_KEY = re.compile(r"\bsk-[A-Za-z0-9_\-]{6,}")


@dataclass(frozen=True)
class Shielded:
    """A text with inline media in it; where it is printed, it shows their type, size and hash in their place."""

    text: str = field(repr=False)

    @cached_property
    def _shown(self) -> str:
        return str(redact(self.text))

    def __str__(self) -> str:
        return self._shown

    __repr__ = __str__


def is_data_url(value: object) -> bool:
    """Say whether a value is a ``data:`` URL in a string; "Data: a story" is none."""
    return isinstance(value, str) and re.match(r"\s*data:\S", value, re.IGNORECASE) is not None


def shield(value: Any) -> Any:
    """Put a :class:`Shielded` in the place of every text that holds a ``data:`` URL, also inside lists and dicts."""
    if isinstance(value, str):
        return Shielded(value) if is_data_url(value) or _HEAD.search(value) else value
    return inside(value, shield)


def shield_literal(value: Any) -> Any:
    """Shield a value that was not rendered yet; a text with a template in it stays, or it would not be rendered."""
    if isinstance(value, str):
        return value if re.search(r"\{[{%#]", value) else shield(value)
    return inside(value, shield_literal)


def unshield(value: Any) -> Any:
    """Undo :func:`shield`: give back the texts that can be sent."""
    if isinstance(value, Shielded):
        return value.text
    return inside(value, unshield)


def inside(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change each item of a list, and each name and item of a dict; any other value stays."""
    if isinstance(value, dict):
        return {change(name): change(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [change(item) for item in value]  # Airflow's lazy sequences are neither list nor tuple
    return value


def redact(value: Any) -> Any:
    """Shorten ``data:`` URLs and hide API keys in what others wrote: a text, or texts inside lists and dicts."""
    if isinstance(value, str):
        return _KEY.sub("sk-***", _redact_media(value))
    return inside(value, redact)


def _redact_media(text: str) -> str:
    if is_data_url(text) and not _SHORT.match(text):
        return _summary(text.lstrip())
    shown, position, last_tag = [], 0, text.rfind(">")
    for head in _HEAD.finditer(text):
        if head.start() < position:
            continue  # inside a payload
        shown.append(text[position : head.start()])
        position = _end_of_payload(text, head.end(), last_tag)
        shown.append(_summary(text[head.start() : position]))
    return "".join([*shown, text[position:]])


def _end_of_payload(text: str, begin: int, last_tag: int) -> int:
    """Return where a payload ends; an SVG in plain text ends with its last tag."""
    if text[begin : begin + 1] == "<" and last_tag > begin:
        return last_tag + 1
    return _PAYLOAD.match(text, begin).end()  # type: ignore[union-attr]  # it matches nothing as well


def _summary(url: str) -> str:
    head, comma, payload = url.partition(",")
    if not comma:  # nothing says where the payload begins
        head, payload = "data:", url.lstrip()[len("data:") :]
    content = payload.encode("utf-8", "replace")
    if head.endswith(";base64"):
        with suppress(ValueError):
            content = base64.b64decode(payload, validate=True)
    return f"{head},…({len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]})"
