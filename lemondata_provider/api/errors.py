"""
Everything that can go wrong between us and LemonData, as one tree.

::

    LemonDataError
    ├── ConfigurationError           the connection cannot be used; nothing was sent
    ├── InvalidRequestError          the request cannot be right; nothing was sent
    ├── ConnectionFailedError        no connection was opened; nothing was sent
    ├── AnswerLostError              the request left, and no whole answer came back
    ├── UnreadableAnswerError        an answer came that is not LemonData's JSON
    │   └── MissingTaskError         a create answer with neither id nor poll URL
    ├── SubmitUnknownError           a create may or may not have been accepted and charged
    ├── RequestChangedError          a retry wants another video than the one that was submitted
    ├── APIError                     LemonData answered with an error
    │   ├── BadRequestError          400, 409, 413, 422 and any other 4xx
    │   │   └── ModelNotFoundError   the model is not there, or not under this name
    │   ├── AuthenticationError      401
    │   ├── InsufficientBalanceError 402
    │   ├── AccessDeniedError        403
    │   ├── NotFoundError            404
    │   │   └── TaskNotFoundError    404 async_task_not_found
    │   ├── RateLimitError           429
    │   └── ServiceError             408, 499 and 5xx
    ├── TaskFailedError              the generation failed, or was cancelled
    ├── MissingVideoError            completed, and yet no video URL
    └── TaskTimeoutError             not finished at the deadline

Every error carries ``status``, ``code``, ``param``, ``hints``, ``retry_after`` (seconds), ``task_id`` and ``poll_url``
where they are known, survives pickling, and shows neither a key nor a ``data:`` payload. ``final`` says whether a retry
of the Airflow task could only repeat it. Source: https://docs.lemondata.cc (error-handling, agent-first-api).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypedDict

from lemondata_provider.api.redaction import redact

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ErrorDetails(TypedDict, total=False):
    """What an error may know beside its message."""

    status: int | None
    code: str | None
    param: str | None
    hints: dict[str, Any]
    retry_after: float | None
    task_id: str | None
    poll_url: str | None
    final: bool | None


class LemonDataError(Exception):
    """Anything that went wrong with LemonData; a retry may help."""

    final: bool = False

    def __init__(self, message: str, **details: Unpack[ErrorDetails]) -> None:
        self.message: str = redact(message)
        self.status = details.get("status")
        self.code = redact(details.get("code"))
        self.param = redact(details.get("param"))
        hints = redact(details.get("hints"))
        self.hints: dict[str, Any] = hints if isinstance(hints, dict) else {}
        self.retry_after = details.get("retry_after")
        self.task_id = details.get("task_id")
        self.poll_url = redact(details.get("poll_url"))
        final = details.get("final")
        self.final = type(self).final if final is None else final
        super().__init__(self.message)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.message, describe(self.hints), self._where()]))

    def _where(self) -> str:
        known = {"task_id": self.task_id, "poll_url": self.poll_url}
        parts = [f"{name}={value}" for name, value in known.items() if value]
        return f"[{', '.join(parts)}]" if parts else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain JSON values, for an event or an XCom."""
        names = ("message", *ErrorDetails.__annotations__)
        return {"type": type(self).__name__, **{name: getattr(self, name) for name in names}}

    def __reduce__(self) -> tuple[Any, ...]:
        return error_from_dict, (self.to_dict(),)

    def replace(self, **changes: Any) -> LemonDataError:
        """Return a copy of the same class with another message or other details; an error itself never changes."""
        return error_from_dict({**self.to_dict(), **changes})


class ConfigurationError(LemonDataError):
    """The connection cannot be used as it is, and nothing was sent; a retry helps once the connection is mended."""


class InvalidRequestError(LemonDataError, ValueError):
    """The request cannot be right, and nothing was sent; a retry repeats it."""

    final: bool = True


class ConnectionFailedError(LemonDataError):
    """No connection to LemonData was opened, so nothing was sent; a retry is safe."""


class AnswerLostError(LemonDataError):
    """The request left and no whole answer came back; repeating a read is safe, repeating a create may pay twice."""


class UnreadableAnswerError(LemonDataError):
    """An answer came that is not LemonData's JSON; repeating a read is safe, repeating a create may pay twice."""


class MissingTaskError(UnreadableAnswerError):
    """A create was answered with neither an id nor a poll URL; repeating it may pay twice."""


class SubmitUnknownError(LemonDataError):
    """A create may or may not have been accepted and charged; a retry could pay twice, and only comes if asked for."""

    final: bool = True


class RequestChangedError(LemonDataError):
    """A retry wants another video than the one that was submitted, and nothing was sent; a retry repeats it."""

    final: bool = True


class APIError(LemonDataError):
    """LemonData answered with an error; whether a retry helps is said by the answer itself, or else by the subclass."""

    def __init__(self, message: str, **details: Unpack[ErrorDetails]) -> None:
        hints = details.get("hints")
        retryable = hints.get("retryable") if isinstance(hints, dict) else None
        if details.get("final") is None and isinstance(retryable, bool):
            details["final"] = not retryable
        super().__init__(message, **details)


class BadRequestError(APIError):
    """The request was refused as wrong; a retry repeats it."""

    final: bool = True


class ModelNotFoundError(BadRequestError):
    """The model is not there under this name; a retry repeats it."""


class AuthenticationError(APIError):
    """The API key was refused; a retry repeats it until the connection holds another key."""

    final: bool = True


class InsufficientBalanceError(APIError):
    """The balance does not cover the request, or a quota is used up; a retry repeats it until you top it up."""

    final: bool = True


class AccessDeniedError(APIError):
    """The key may not do this; a retry repeats it."""

    final: bool = True


class NotFoundError(APIError):
    """There is nothing at this address; a retry repeats it."""

    final: bool = True


class TaskNotFoundError(NotFoundError):
    """LemonData does not know this task, or no longer; a retry repeats it."""


class RateLimitError(APIError):
    """Too many requests for this key just now; a retry helps after ``retry_after`` seconds."""


class ServiceError(APIError):
    """The service has trouble; a retry helps, unless the service itself says that it does not."""


class TaskFailedError(LemonDataError):
    """The generation failed or was cancelled at LemonData; a retry would be a new, paid generation."""

    final: bool = True


class MissingVideoError(LemonDataError):
    """The task completed and shows no video URL; a retry that only polls again may find it."""

    final: bool = True


class TaskTimeoutError(LemonDataError):
    """The task was not finished at the deadline and may finish later; a retry that waits again is free of cost."""

    final: bool = True


def error_from_dict(fields: Mapping[str, Any]) -> LemonDataError:
    """Rebuild an error from :meth:`LemonDataError.to_dict`; a name of another version becomes the base class."""
    known = {cls.__name__: cls for cls in _tree(LemonDataError)}
    details = {name: fields.get(name) for name in ErrorDetails.__annotations__}
    cls = known.get(str(fields.get("type")), LemonDataError)
    return cls(str(fields.get("message") or "no reason given"), **details)  # type: ignore[arg-type]  # names are those of ErrorDetails


def _tree(cls: type[LemonDataError]) -> list[type[LemonDataError]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _tree(child))]


_BY_CODE = {"async_task_not_found": TaskNotFoundError, "model_not_found": ModelNotFoundError}
_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: AccessDeniedError,
    404: NotFoundError,
    408: ServiceError,
    429: RateLimitError,
    499: ServiceError,
}
_NOT_HINTS = {"message", "type", "code", "param", "retry_after"}


def error_from(status: int, headers: Mapping[str, str], body: object, *, now: float) -> APIError:
    """
    Read an error answer.

    :param status: HTTP status, 400 or more.
    :param headers: response headers with lower-case names.
    :param body: the decoded JSON, or the text where it is no JSON.
    :param now: Unix seconds, to turn a ``Retry-After`` date into a number of seconds.
    """
    error = _error_object(body)
    code = _text(error.get("code"))
    message = _text(error.get("message")) or _text(error.get("detail")) or "no reason given"
    by_status = _BY_STATUS.get(status, BadRequestError if status < 500 else ServiceError)
    cls = _BY_CODE.get(code or "", by_status) if status in (400, 404) else by_status
    return cls(
        f"LemonData answered {status}{f' {code}' if code else ''}: {message}",
        status=status,
        code=code,
        param=_text(error.get("param")),
        hints={name: value for name, value in error.items() if name not in _NOT_HINTS and value is not None},
        retry_after=_retry_after(headers.get("retry-after"), error.get("retry_after"), now),
    )


def _error_object(body: object) -> dict[str, Any]:
    if isinstance(body, str):
        text = " ".join(re.sub(r"<[^<>]*>", " ", body).split())
        return {"message": f"not LemonData's JSON but {text[:200]!r}" if text else "an empty body"}
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, str):
        return {**body, "message": error}
    return {**{k: v for k, v in body.items() if k != "error"}, **error} if isinstance(error, dict) else body


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _retry_after(header: str | None, field: object, now: float) -> float | None:
    for value in (header, field):
        seconds = _seconds(value, now)
        if seconds is not None:
            return max(0.0, seconds)
    return None


def _seconds(value: object, now: float) -> float | None:
    """Read seconds as a number or in words of digits, or an HTTP date."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    except ValueError:
        try:
            date = parsedate_to_datetime(str(value))
        except (ValueError, OverflowError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now
    return seconds if math.isfinite(seconds) else None


_PHRASES = {
    "did_you_mean": "Did you mean {!r}?",
    "suggestions": "Suggestions: {}.",
    "alternatives": "Alternatives: {}.",
    "hint": "Hint: {}.",
    "balance_usd": "Balance: {} USD.",
    "estimated_cost_usd": "Estimated cost: {} USD.",
    "supported_operations": "Supported operations: {}.",
    "supported_parameters": "Supported parameters: {}.",
    "allowed_durations": "Allowed durations: {}.",
    "allowed_resolutions": "Allowed resolutions: {}.",
    "allowed_aspect_ratios": "Allowed aspect ratios: {}.",
}


def describe(hints: Mapping[str, Any]) -> str:
    """Put the hints of an answer into sentences that a person can act on."""
    return " ".join(
        text.format(_plain(hints[name])) for name, text in _PHRASES.items() if hints.get(name) not in (None, "", [])
    )


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(str(item.get("id", item)) if isinstance(item, dict) else str(item) for item in value)
    return value.rstrip(".") if isinstance(value, str) else value
