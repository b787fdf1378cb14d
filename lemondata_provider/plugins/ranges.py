"""Which part of a file a request asks for: pure decisions. Source: RFC 9110 (range and conditional requests)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Version:
    """
    One version of a file.

    :param size: bytes.
    :param etag: a strong entity tag, with its quotes.
    """

    size: int
    etag: str


@dataclass(frozen=True)
class Selection:
    """
    What to send.

    :param status: 200, 206, 304 or 416.
    :param start: of the first byte.
    :param end: after the last byte.
    """

    status: int
    start: int = 0
    end: int = 0


def select(headers: Mapping[str, str], file: Version) -> Selection:
    """
    Return what to send of a file.

    :param headers: of the request, by their names in lower case.
    :param file: as it is now.
    """
    if _names(headers.get("if-none-match", ""), file.etag):
        return Selection(304)
    whole = Selection(200, 0, file.size)
    # A reader that has another version gets the whole file, not a part that does not fit to what it has.
    if headers.get("if-range", file.etag).strip() != file.etag:
        return whole
    found = _ONE_RANGE.fullmatch(headers.get("range", ""))
    return _part(found[1], found[2], file.size) or whole if found else whole


def _part(first: str, last: str, size: int) -> Selection | None:
    """Return the part that two numbers mean; ``None`` if they mean nothing."""
    if not first and not last:
        return None
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if first and last and int(last) < start:
        return None
    return Selection(206, start, end) if start < end else Selection(416)


def _names(listed: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in listed.split(",")]
    return etag in tags or "*" in tags
