"""Requests that the API turns down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES = {401: "authentication_error", 402: "billing_error", 403: "permission_error", 429: "rate_limit_error"}


class Refusal(Exception):  # noqa: N818 # because it is an answer, not a mistake of ours
    """An error answer: status, code, message, hints beside them and headers."""

    def __init__(self, status: int, code: str, message: str, **hints: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hints = hints
        self.headers: Mapping[str, str] = {}

    @property
    def error(self) -> dict[str, Any]:
        """The `error` object of the answer."""
        default = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "message": self.message,
            "type": _TYPES.get(self.status, default),
            "code": self.code,
            "param": None,
            **self.hints,
        }
