"""
Error responses, parsed into :mod:`lemondata_provider.api.errors`.

Source: https://docs.lemondata.cc (error-handling, agent-first-api).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lemondata_provider.api.description import describe_answer
from lemondata_provider.api.errors import (
    AccessDeniedError,
    APIError,
    AuthenticationError,
    BadRequestError,
    InsufficientBalanceError,
    ModelNotFoundError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TaskNotFoundError,
)
from lemondata_provider.api.fields import read_reason, read_retry_after, read_text
from lemondata_provider.api.storable import cut_text

MAX_REASON = 1_000  # characters
_BY_CODE = {
    "async_task_not_found": TaskNotFoundError,
    "task_not_found": TaskNotFoundError,
    "model_not_found": ModelNotFoundError,
}
# Types that say as much as a code; others, such as "invalid_request_error", repeat the status.
_TYPES_AS_CODES = {
    *_BY_CODE,
    "not_found_error",
    "all_channels_failed",
    "model_unavailable",
    "delivery_tier_unavailable",
}
_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: AccessDeniedError,
    404: NotFoundError,
    408: ServiceError,
    429: RateLimitError,
    499: ServiceError,
}
_NOT_HINTS = {"message", "type", "code", "param", "retry_after", "request_id"}


def error_from(status: int, headers: Mapping[str, str], body: object, *, now: float) -> APIError:
    """
    Return the error that an error response means.

    :param status: HTTP status, 400 or more.
    :param headers: response headers with lower-case names.
    :param body: the decoded JSON, or the text if it is no JSON.
    :param now: Unix seconds, to turn a ``Retry-After`` date into seconds.
    """
    error = _error_object(body)
    kind = read_text(error.get("type"))
    code = read_text(error.get("code")) or (kind if kind in _TYPES_AS_CODES else None)
    message = read_reason(error) or f"no reason given; the answer held {describe_answer(body)}"
    by_status = _BY_STATUS.get(status, BadRequestError if status < 500 else ServiceError)
    cls = _BY_CODE.get(code or "", by_status) if by_status in (BadRequestError, NotFoundError) else by_status
    return cls(
        f"LemonData answered {status}{f' {code[:100]}' if code else ''}: {cut_text(message, MAX_REASON)}",
        status=status,
        code=code,
        param=read_text(error.get("param")),
        hints={name: value for name, value in error.items() if name not in _NOT_HINTS and value is not None},
        retry_after=_retry_after(headers.get("retry-after"), error.get("retry_after"), now),
        request_id=headers.get("x-request-id") or read_text(error.get("request_id")),
        task_id=headers.get("x-task-id"),
    )


def _error_object(body: object) -> dict[str, Any]:
    if isinstance(body, str):
        text = re.sub(r"<[^<>]*>", " ", body)
        return {"message": f"not LemonData's JSON but {describe_answer(text)!r}" if text.strip() else "an empty body"}
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, str):
        return {**body, "message": error}
    return {**{k: v for k, v in body.items() if k != "error"}, **error} if isinstance(error, dict) else body


def _retry_after(header: str | None, field: object, now: float) -> float | None:
    return next((wait for value in (header, field) if (wait := read_retry_after(value, now)) is not None), None)
