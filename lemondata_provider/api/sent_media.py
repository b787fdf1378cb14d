"""
Secrets of a request, found by value in what the service quotes of them: inline media, and what signs a link.

A service may quote a part of them, without its head and in another encoding. No pattern finds that; but what was sent
is known.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from lemondata_provider.api.redaction import inside, is_data_url
from lemondata_provider.api.signed_links import is_link, secrets_of

RUN = 16  # characters: a quote of twice as many is found wherever it begins
MIN_PAYLOAD = 8  # characters; a shorter one occurs in words
_TOKEN = re.compile(r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.|&(?:lt|gt|amp|quot|#39|#x27);|.", re.DOTALL)
_URL_SAFE = str.maketrans("-_", "+/")
_ESCAPES = {"\\n": "", "\\r": "", "\\t": ""}


class SentMedia:
    """
    The inline media of one request, and the signatures of its links.

    :param body: the request as it is sent.
    """

    def __init__(self, body: Any) -> None:
        self._media = [one for payload in _payloads(body) for one in _spellings(payload) if len(one) >= MIN_PAYLOAD]

    def __bool__(self) -> bool:
        return bool(self._media)

    def hide(self, value: Any) -> Any:
        """Put an ellipsis in the place of what texts quote of the media, also inside lists and dicts."""
        return self._hide(value) if isinstance(value, str) else inside(value, self.hide)

    def _hide(self, text: str) -> str:
        tokens = [(token.start(), token.end(), _plain(token.group())) for token in _TOKEN.finditer(text)]
        tokens = [token for token in tokens if token[2]]
        plain = "".join(token[2] for token in tokens)
        shown, position = [], 0
        for begin, end in _merged(sorted(quote for media in self._media for quote in _quotes(plain, media))):
            first, last = tokens[begin][0], tokens[end - 1][1]
            shown += [text[position:first], "…"]
            position = last
        return "".join([*shown, text[position:]])


def _payloads(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if is_data_url(value):
            yield value.partition(",")[2] or value
        elif is_link(value):
            yield from secrets_of(value)
    elif isinstance(value, Mapping):
        yield from (payload for item in value.values() for payload in _payloads(item))
    elif isinstance(value, (list, tuple)):
        yield from (payload for item in value for payload in _payloads(item))


def _spellings(payload: str) -> Iterator[str]:
    """Give a payload as it was sent, as it decodes, and as it encodes; each without white space."""
    if "%" in payload:
        yield _comparable(payload)
    sent = _comparable(unquote(payload))
    yield sent
    try:
        yield _comparable(base64.b64decode(sent + "=" * (-len(sent) % 4), validate=True).decode())
    except ValueError:  # no base64, or no text
        yield base64.b64encode(unquote(payload).encode("utf-8", "replace")).decode().rstrip("=")


def _comparable(text: str) -> str:
    return "".join(text.split()).translate(_URL_SAFE)


def _plain(token: str) -> str:
    """Return the one character that a token of a text stands for; none for white space."""
    if len(token) > 1:
        if token[0] == "%":
            token = chr(int(token[1:], 16))
        elif token[0] == "&":
            token = html.unescape(token)
        elif token[1] == "u" and len(token) > 2:  # whole, as the pattern has it
            token = chr(int(token[2:], 16))
        else:
            token = _ESCAPES.get(token, token[1])
    return token.strip().translate(_URL_SAFE)


def _quotes(plain: str, media: str) -> Iterator[tuple[int, int]]:
    """Give where a text quotes the media: begin and end of each run."""
    if len(media) < 2 * RUN:
        yield from ((found.start(), found.end()) for found in re.finditer(re.escape(media), plain))
        return
    windows = {plain[at : at + RUN] for at in range(len(plain) - RUN + 1)}
    shared = {window: at for at in range(0, len(media), RUN) if (window := media[at : at + RUN]) in windows}
    for at in range(len(plain) - RUN + 1) if shared else ():
        if (place := shared.get(plain[at : at + RUN])) is not None:
            yield _extended(plain, at, media, place)


def _extended(plain: str, at: int, media: str, place: int) -> tuple[int, int]:
    """Return a window of the text together with what is shared on both its sides, as far as the next window's reach."""
    before = next((n for n in range(RUN) if plain[at - n - 1 : at - n] != media[place - n - 1 : place - n]), RUN)
    end, after = at + RUN, place + RUN
    rest = next((n for n in range(RUN) if plain[end + n : end + n + 1] != media[after + n : after + n + 1]), RUN)
    return max(at - before, 0), min(end + rest, len(plain))


def _merged(quotes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    begin = end = 0
    for next_begin, next_end in quotes:
        if next_begin > end:
            if end:
                yield begin, end
            begin = next_begin
        end = max(end, next_end)
    if end:
        yield begin, end
