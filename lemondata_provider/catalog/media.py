"""Where media come from, as far as their URLs tell it. Source: https://docs.lemondata.cc (create-video)."""

from __future__ import annotations

from lemondata_provider.catalog.operations import IMAGES
from lemondata_provider.catalog.values import is_inline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

MEDIA = (*IMAGES, "video_url", "audio_url")
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def is_local(url: str) -> bool:
    """Say whether a URL leads to this machine or to a private network: LemonData cannot reach it."""
    from urllib.parse import urlsplit  # noqa: PLC0415 # 8 ms in a new interpreter

    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if ":" not in host and not host[-1:].isdigit():  # no name ends in a digit, and every address of four numbers does
        return "." not in host or host.endswith(_LOCAL_ENDINGS)
    from ipaddress import ip_address  # noqa: PLC0415 # the same

    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host


def host_of(url: str) -> str:
    """Return scheme and host of a URL, without what may be signed or secret in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}"


def plain_http(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for media that come over http; not for local ones, about which there is more to say."""
    for name, url in _media(fields):
        if url[:5].lower() == "http:" and not is_local(url):
            yield f"{name} is {host_of(url)}/…, over http: LemonData recommends https."


def not_public(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for media that the real service cannot reach, or that are hard to follow in production."""
    for name, url in _media(fields):
        if is_inline(url):
            yield f"{name} holds a data: URL: in production, public https URLs are easier to retry and to look into."
        elif is_local(url):
            yield f"{name} is {host_of(url)}/…, which LemonData cannot reach: it needs a public https URL."


def _media(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in MEDIA:
        value = fields.get(name)
        for url in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(url, str):
                yield name, url.strip() if len(url) < 2000 else url
