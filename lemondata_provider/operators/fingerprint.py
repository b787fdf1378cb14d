"""A digest of each field of a request, which tells whether a retry wants the same video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lemondata_provider.api.request import MEDIA_FIELDS, REQUEST_FIELDS

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
    ),
    "sig": ("sig", "sv", "se", "st", "sp", "spr", "sr", "sip", "sks", "ske", "skt", "skv", "skoid", "sktid"),  # Azure
}


def fingerprint(body: Mapping[str, Any]) -> dict[str, str]:
    """Digest each field of a request body; the signature of a link does not count."""
    return {name: _digest(_unsigned(value) if _may_be_media(name) else value) for name, value in body.items()}


def _may_be_media(name: str) -> bool:
    """Say whether a field may hold a link; a field that is newer than this package may."""
    return name in MEDIA_FIELDS or name not in REQUEST_FIELDS


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _unsigned(value: Any) -> Any:
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        return _without_signature(value)
    if isinstance(value, dict):
        return {name: _unsigned(item) for name, item in value.items()}
    return [_unsigned(item) for item in value] if isinstance(value, list) else value


def _without_signature(url: str) -> str:
    address, _, query = url.partition("#")[0].partition("?")
    parameters = query.split("&")
    names = {parameter.partition("=")[0].lower() for parameter in parameters}
    signing = tuple(prefix for sign, prefixes in SIGNATURES.items() if sign in names for prefix in prefixes)
    kept = [parameter for parameter in parameters if parameter and not _signs(parameter, signing)]
    return f"{address}?{'&'.join(kept)}" if kept else address


def _signs(parameter: str, signing: tuple[str, ...]) -> bool:
    name = parameter.partition("=")[0].lower()
    return any(name == word or (word.endswith("-") and name.startswith(word)) for word in signing)
