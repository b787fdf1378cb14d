"""The body of an answer: read in pieces, decoded, and never more than a few megabytes of it."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import httpx

MAX_ANSWER_BYTES = 4 * 2**20  # decoded; a task's answer has less than a kilobyte, a list of models some hundred
_GZIP_OR_ZLIB = 47  # zlib's number for "either, as the header says"


class AnswerTooLargeError(httpx.HTTPError):
    """An answer is larger than any of LemonData's."""


class AnswerBody:
    """
    Collect the body of one answer.

    httpx would decode a piece as a whole, and a megabyte of gzip can hold a gigabyte: so it only hands over the bytes.

    :param encoding: the header ``Content-Encoding``; none is asked for, but a gateway may compress all the same.
    """

    def __init__(self, encoding: str = "") -> None:
        self.content = b""
        self._pieces: list[bytes] = []
        self._room = MAX_ANSWER_BYTES
        is_compressed = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")
        self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB) if is_compressed else None

    def add(self, piece: bytes) -> None:
        """
        Take a piece as it came over the wire.

        :raises httpx.HTTPError: if the answer is too large, or not encoded as it says.
        """
        if self._decoder is not None:
            try:
                piece = self._decoder.decompress(piece, self._room + 1)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from None
        self._room -= len(piece)
        if self._room < 0:
            raise AnswerTooLargeError(f"more than {MAX_ANSWER_BYTES / 2**20:g} MB")
        self._pieces.append(piece)

    def end(self) -> None:
        """Take the body as whole."""
        self.content = b"".join(self._pieces)

    @property
    def text(self) -> str:
        """Return the body as text: JSON is UTF-8, whatever the headers say."""
        return self.content.decode("utf-8-sig", "replace")


def _finite(text: str) -> float | None:
    """Read a number; JSON has neither NaN nor infinity, and databases refuse them."""
    number = float(text)
    return number if math.isfinite(number) else None


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def decode_json(text: str) -> Any:
    """Return what a text holds as JSON, or ``None`` if it holds none."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):  # the second: brackets nested by the thousand
        return None
