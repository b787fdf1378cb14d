"""A digest of each field of a request, which tells whether a retry wants the same video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lemondata_provider.api.request import MEDIA_FIELDS, REQUEST_FIELDS
from lemondata_provider.api.signed_links import is_link, without_signature
from lemondata_provider.api.stored_files import without_connection

_READ_FROM_STORES = (*MEDIA_FIELDS, "kling_elements")


def fingerprint(body: Mapping[str, Any]) -> dict[str, str]:
    """Digest each field of a request body; the signature of a link and the connection of a store do not count."""
    return {name: _digest(_same_file(name, value)) for name, value in body.items()}


def _may_be_media(name: str) -> bool:
    """Say whether a field may hold a link; a field that is newer than this package may."""
    return name in MEDIA_FIELDS or name not in REQUEST_FIELDS


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _same_file(name: str, value: Any) -> Any:
    """Return a value without what does not say which file is meant: signatures of links, connections of stores."""
    if isinstance(value, str):
        if _may_be_media(name) and is_link(value):
            return without_signature(value)
        return without_connection(value) if name in _READ_FROM_STORES else value
    if isinstance(value, dict):
        return {key: _same_file(name, item) for key, item in value.items()}
    return [_same_file(name, item) for item in value] if isinstance(value, list) else value
