"""File URLs that end by time, as storage services sign them; pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings


def file_url(task_id: str, settings: Settings, base_url: str, now: float, suffix: str = "mp4") -> str:
    """The URL of a task's file, signed if links end; the suffix `png` means its last frame."""
    url = f"{base_url}/files/{task_id}.{suffix}"
    if settings.link_seconds is None:
        return url
    expires = f"{now + settings.link_seconds:.6f}"
    return f"{url}?{urlencode({'expires': expires, 'signature': _signature(task_id, expires, settings)})}"


def check_link(task_id: str, query: Mapping[str, str], settings: Settings, now: float) -> None:
    """Refuse a link that is not signed, or has ended."""
    if settings.link_seconds is None:
        return
    expires = query.get("expires", "")
    if not hmac.compare_digest(_signature(task_id, expires, settings), query.get("signature", "")):
        raise Refusal(403, "signature_does_not_match", "The link is not signed.")
    if now > float(expires):
        raise Refusal(403, "link_expired", "The link has expired.")


def _signature(task_id: str, expires: str, settings: Settings) -> str:
    return hmac.new(settings.api_key.encode(), f"{task_id}:{expires}".encode(), hashlib.sha256).hexdigest()[:32]
