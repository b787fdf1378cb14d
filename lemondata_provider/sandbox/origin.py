"""Who may use the controls: a web page of another host must not, even if its name leads here (DNS rebinding)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_foreign(scope: Scope, host: str) -> bool:
    """Say whether a request names another host than this machine or the bound one."""
    headers = Headers(scope=scope)
    allowed = LOOPBACK | {host.lower()}
    origin = headers.get("origin")
    names = [_hostname(f"//{headers.get('host', '')}"), *([_hostname(origin)] if origin is not None else [])]
    return any(name not in allowed for name in names)


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
