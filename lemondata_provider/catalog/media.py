"""The places that media URLs name. Source: https://docs.lemondata.cc (create-video)."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from lemondata_provider.catalog.operations import IMAGES
from lemondata_provider.catalog.values import is_inline

MEDIA = (*IMAGES, "video_url", "video_urls", "audio_url", "audio_urls")
_BASE64 = f"{string.ascii_letters}{string.digits}+/-_".encode()  # both alphabets
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def is_local(url: str) -> bool:
    """Say whether a URL names this machine or a private network, which LemonData cannot reach."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if ":" not in host and not host[-1:].isdigit():  # an IPv4 address ends in a digit, a host name does not
        return "." not in host or host.endswith(_LOCAL_ENDINGS)
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host


def host_of(url: str) -> str:
    """Return scheme and host of a URL, without path, query and credentials."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}"


def plain_http(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per http URL; :func:`not_public` reports local ones."""
    for name, url in _media(fields):
        if url[:5].lower() == "http:" and not is_local(url):
            yield f"{name} is {host_of(url)}/…, over http: LemonData recommends https."


def not_public(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per URL that the real service cannot reach, or that production should avoid."""
    for name, url in _media(fields):
        if is_inline(url):
            yield f"{name} holds a data: URL: in production, public https URLs are easier to retry and to inspect."
        elif url[:4].lower() == "http" and is_local(url):  # the worker reads other files itself
            yield f"{name} is {host_of(url)}/…, which LemonData cannot reach: it needs a public https URL."


def broken_inline(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per ``data:`` URL whose base64 cannot be decoded."""
    for name, url in _media(fields):
        head, _, payload = url.partition(",") if is_inline(url) else ("", "", "")
        if head.rstrip().lower().endswith(";base64") and not _is_base64(payload):
            yield f"{name} holds a data: URL whose base64 is broken: encode the file again."


def _is_base64(payload: str) -> bool:
    """Return whether a text can be base64, without decoding megabytes while a DAG file is parsed."""
    text = unquote(payload) if "%" in payload else payload
    content = text.encode("utf-8", "replace").translate(None, b" \t\r\n")
    digits = content.rstrip(b"=")
    return len(digits) % 4 != 1 and len(digits) > 0 and not digits.translate(None, _BASE64)


def _media(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in MEDIA:
        value = fields.get(name)
        for url in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(url, str):
                yield name, url.strip() if len(url) < 2000 else url
