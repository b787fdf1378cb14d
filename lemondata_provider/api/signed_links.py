"""
Signed links: the signature in the query is enough to read the file.

The rest of a link says which file is meant, and may be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from lemondata_provider.api.redaction import inside

# Query parameters that sign a link, by the parameter that gives the signature away. Every try has another signature;
# everything else in a URL may say which file is meant.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "x-amz-signature": ("x-amz-",),  # Amazon S3 and its like, version 4
    "x-goog-signature": ("x-goog-",),  # Google Cloud Storage, version 4
    "signature": (
        "signature",
        "expires",
        "key-pair-id",
        "policy",
        "awsaccesskeyid",
        "googleaccessid",
        "ossaccesskeyid",
        "x-amz-security-token",  # beside version 2
    ),
    "sig": ("sig", "sv", "se", "st", "sp", "spr", "sr", "sip", "sks", "ske", "skt", "skv", "skoid", "sktid"),  # Azure
}
MIN_SECRET = 20  # characters; a shorter value is a date, a number or the name of an algorithm
_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


def is_link(value: object) -> bool:
    """Say whether a value is an http or https URL in a string."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def without_signature(url: str) -> str:
    """Return a link without the parameters that sign it, and without its fragment."""
    address, parameters, signing = _parts(url)
    kept = [parameter for parameter in parameters if parameter and not _signs(parameter, signing)]
    return f"{address}?{'&'.join(kept)}" if kept else address


def secrets_of(url: str) -> Iterator[str]:
    """Yield what signs a link: all of its signing parameters in one text, and each long value by itself."""
    _, parameters, signing = _parts(url)
    if secret := [parameter for parameter in parameters if _signs(parameter, signing)]:
        yield "&".join(secret)
        yield from (value for one in secret if len(value := one.partition("=")[2]) >= MIN_SECRET)


def unsigned(url: Any) -> str:
    """Return a web address; one with a query, a user or a password is empty, because it would not work without."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return ""
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return "" if parts.query or "@" in parts.netloc else url


def hide_signatures(value: Any) -> Any:
    """Put an ellipsis in the place of the signatures of links, in a text or in texts inside lists and dicts."""
    if isinstance(value, str):
        return _LINK.sub(lambda found: _shown(found.group()), value)
    return inside(value, hide_signatures)


def _shown(url: str) -> str:
    if not _parts(url)[2]:
        return url
    rest = without_signature(url)
    return f"{rest}{'&' if '?' in rest else '?'}…"


def _parts(url: str) -> tuple[str, list[str], tuple[str, ...]]:
    """Return address, parameters, and the names of those that sign it; a name that ends in a dash is a prefix."""
    address, _, query = url.partition("#")[0].partition("?")
    parameters = query.split("&")
    names = {_name(parameter) for parameter in parameters}
    return address, parameters, tuple(name for sign, others in SIGNATURES.items() if sign in names for name in others)


def _signs(parameter: str, signing: Sequence[str]) -> bool:
    name = _name(parameter)
    return any(name == word or (word.endswith("-") and name.startswith(word)) for word in signing)


def _name(parameter: str) -> str:
    return parameter.partition("=")[0].lower().removeprefix("amp;")  # in HTML, where a service quotes it so
