"""The API key: checked, hidden, and sent to the base URL's origin only."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx

from lemondata_provider.api.errors import ConfigurationError
from lemondata_provider.api.redaction import inside
from lemondata_provider.api.storable import clean_text
from lemondata_provider.api.urls import BaseUrl

MIN_KEY_LENGTH = 8  # a shorter one is a placeholder, for a gateway that has the real one


def checked_key(api_key: str) -> str:
    """
    Return a key that can be sent in a header.

    :raises ConfigurationError: if it is empty, or has a prefix, white space or characters outside of ASCII.
    """
    if not api_key:
        raise ConfigurationError("The API key is empty")
    if api_key.lower().startswith("bearer "):
        raise ConfigurationError('The API key begins with "Bearer ", which is no part of it: paste the key alone')
    if len(api_key) > 1 and api_key[0] in "\"'" and api_key[0] == api_key[-1]:
        raise ConfigurationError("The API key is in quotes, which are no part of it: paste the key alone")
    if "\n" in api_key or "\r" in api_key:
        raise ConfigurationError("The API key has a line break, which a file may end in: paste one line")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise ConfigurationError("The API key has white space or characters outside of ASCII: paste it again")
    return api_key


def hide_key(value: Any, api_key: str) -> Any:
    """Return JSON with clean texts and without the key; a placeholder is no secret, and occurs in words."""
    if isinstance(value, str):
        text = clean_text(value)
        return text.replace(api_key, "***") if len(api_key) >= MIN_KEY_LENGTH else text
    return inside(value, lambda item: hide_key(item, api_key))


class OriginBoundAuth(httpx.Auth):
    """Send the key to the base URL's origin only; a redirected request comes this way again. Serves both clients."""

    def __init__(self, base: BaseUrl, api_key: str) -> None:
        self._base = base
        self._value = f"Bearer {api_key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorize a request."""
        if self._base.is_same_origin(str(request.url)):
            request.headers["Authorization"] = self._value
        else:
            request.headers.pop("Authorization", None)
        yield request
