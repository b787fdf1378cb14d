"""
The errors of this package, as one tree.

::

    LemonDataError
    ├── ConfigurationError           invalid connection or configuration; nothing was sent
    ├── InvalidRequestError          invalid request; nothing was sent
    ├── InputUnreadableError         media cannot be read from its store; nothing was sent
    ├── ConnectionFailedError        no connection was opened; nothing was sent
    ├── AnswerLostError              the request was sent, and no whole answer came back
    ├── UnreadableAnswerError        the answer is not LemonData's JSON
    │   └── MissingTaskError         a create answer with neither id nor poll URL
    ├── SubmitUnknownError           a create may have been accepted and charged
    ├── RequestChangedError          a retry has another request than the submitted one
    ├── APIError                     LemonData answered with an error
    │   ├── BadRequestError          400, 409, 413, 422 and any other 4xx
    │   │   └── ModelNotFoundError   no model with this name
    │   ├── AuthenticationError      401
    │   ├── InsufficientBalanceError 402
    │   ├── AccessDeniedError        403
    │   ├── NotFoundError            404
    │   │   └── TaskNotFoundError    404 async_task_not_found
    │   ├── RateLimitError           429
    │   └── ServiceError             408, 499 and 5xx
    ├── TaskFailedError              the generation failed, or was cancelled
    ├── MissingVideoError            completed without a video URL
    ├── TaskTimeoutError             not finished at the deadline
    ├── DownloadError                the finished video was not downloaded
    │   ├── LinkEndedError           the link to the video ended, and so did the new ones
    │   ├── BrokenDownloadError      the download broke off, again and again
    │   └── NotAVideoError           the link leads to something else
    ├── VideoTooLargeError           the video is larger than allowed
    └── OutputError                  the video was not stored
        ├── OutputTakenError         the target holds something else
        ├── OutputMismatchError      the video was stored, and is not what was asked for
        └── OutputUnwritableError    the target cannot be read or written

Every error carries ``status``, ``code``, ``param``, ``hints``, ``retry_after`` (seconds), ``task_id``, ``poll_url``
and ``request_id`` if they are known, survives pickling, and shows neither a key, a signature nor a ``data:`` payload
(``poll_url`` stays whole: it is polled). If ``final`` is true, a retry of the Airflow task cannot help. Source:
https://docs.lemondata.cc (error-handling, agent-first-api).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from lemondata_provider.api.hints import describe
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.signed_links import hide_signatures
from lemondata_provider.api.storable import MAX_TEXT, clean_text, cut_text, storable

if TYPE_CHECKING:
    from typing_extensions import Unpack

MAX_MESSAGE = 8_192  # characters


class ErrorDetails(TypedDict, total=False):
    """The attributes of an error beside its message."""

    status: int | None
    code: str | None
    param: str | None
    hints: dict[str, Any]
    retry_after: float | None
    task_id: str | None
    poll_url: str | None
    request_id: str | None
    final: bool | None


def _shown(text: Any, limit: int = MAX_TEXT) -> Any:
    return redact(cut_text(clean_text(text), limit)) if isinstance(text, str) else redact(text)


class LemonDataError(Exception):
    """Base class of all errors; a retry may help."""

    final: bool = False

    def __init__(self, message: str, **details: Unpack[ErrorDetails]) -> None:
        # Bounded and storable: an error travels in events and XComs, and may quote whatever a server said.
        self.message: str = hide_signatures(_shown(message, MAX_MESSAGE))
        self.status = details.get("status")
        self.code = _shown(details.get("code"))
        self.param = hide_signatures(_shown(details.get("param")))
        hints = hide_signatures(redact(storable(details.get("hints"))))
        self.hints: dict[str, Any] = hints if isinstance(hints, dict) else {}
        self.retry_after = details.get("retry_after")
        self.task_id = details.get("task_id")
        self.poll_url = _shown(details.get("poll_url"))
        self.request_id = _shown(details.get("request_id"))
        final = details.get("final")
        self.final = type(self).final if final is None else final
        super().__init__(self.message)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.message, describe(self.hints), self._where()]))

    def _where(self) -> str:
        known = {"task_id": self.task_id, "poll_url": self.poll_url, "request_id": self.request_id}
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
    """A connection or configuration is invalid. Nothing was sent. A retry helps once it is corrected."""


class InvalidRequestError(LemonDataError, ValueError):
    """The request is invalid. Nothing was sent. A retry repeats the error."""

    final: bool = True


class InputUnreadableError(LemonDataError):
    """Media cannot be read from its store. Nothing was sent. A retry helps once that is fixed, and costs nothing."""


class ConnectionFailedError(LemonDataError):
    """No connection to LemonData was opened, so nothing was sent. A retry is safe."""


class AnswerLostError(LemonDataError):
    """The request was sent, and no whole answer came back. A repeated create may pay twice."""


class UnreadableAnswerError(LemonDataError):
    """The answer is not LemonData's JSON. A repeated create may pay twice."""


class MissingTaskError(UnreadableAnswerError):
    """A create was answered with neither id nor poll URL. A repeated create may pay twice."""


class SubmitUnknownError(LemonDataError):
    """A create may have been accepted and charged. A retry may pay twice: it needs the user's decision."""

    final: bool = True


class RequestChangedError(LemonDataError):
    """A retry has another request than the submitted one. Nothing was sent. A retry repeats the error."""

    final: bool = True


class APIError(LemonDataError):
    """LemonData answered with an error. The answer says whether a retry helps, or else the subclass."""

    def __init__(self, message: str, **details: Unpack[ErrorDetails]) -> None:
        hints = details.get("hints")
        retryable = hints.get("retryable") if isinstance(hints, dict) else None
        if details.get("final") is None and isinstance(retryable, bool):
            details["final"] = not retryable
        super().__init__(message, **details)


class BadRequestError(APIError):
    """LemonData refused the request. A retry repeats the error."""

    final: bool = True


class ModelNotFoundError(BadRequestError):
    """LemonData has no model with this name. A retry repeats the error."""


class AuthenticationError(APIError):
    """LemonData refused the API key. A retry repeats the error until the connection holds another key."""

    final: bool = True


class InsufficientBalanceError(APIError):
    """Balance or quota do not cover the request. A retry repeats the error until you top up."""

    final: bool = True


class AccessDeniedError(APIError):
    """The key lacks the permission. A retry repeats the error."""

    final: bool = True


class NotFoundError(APIError):
    """The address does not exist. A retry repeats the error."""

    final: bool = True


class TaskNotFoundError(NotFoundError):
    """LemonData does not know the task, or no longer. A retry repeats the error."""


class RateLimitError(APIError):
    """The rate limit of the key is reached. A retry helps after ``retry_after`` seconds."""


class ServiceError(APIError):
    """The service has a fault. A retry helps, unless the service itself says otherwise."""


class TaskFailedError(LemonDataError):
    """The generation failed or was cancelled at LemonData. A retry is a new, paid generation."""

    final: bool = True


class MissingVideoError(LemonDataError):
    """The task completed without a video URL. A retry that polls again may find it."""

    final: bool = True


class TaskTimeoutError(LemonDataError):
    """The task was not finished at the deadline. It may finish later. A retry that waits again costs nothing."""

    final: bool = True


class DownloadError(LemonDataError):
    """The finished video was not downloaded. It is paid for. A retry stores it at no cost."""


class LinkEndedError(DownloadError):
    """The link to the video ended, and so did the new ones. A retry asks for another link at no cost."""


class BrokenDownloadError(DownloadError):
    """The download broke off, again and again. A retry starts it again at no cost."""


class NotAVideoError(DownloadError):
    """The link leads to something that is no video. A retry asks for it again at no cost."""


class VideoTooLargeError(LemonDataError):
    """The video is larger than allowed. A retry repeats the error until the limit is raised."""

    final: bool = True


class OutputError(LemonDataError):
    """The video was not stored. It is paid for. A retry stores it at no cost."""


class OutputTakenError(OutputError):
    """The target holds something else, and stays as it is. A retry repeats the error."""

    final: bool = True


class OutputMismatchError(OutputError):
    """The stored video is not what was asked for. It is paid for. A retry repeats the error."""

    final: bool = True


class OutputUnwritableError(OutputError):
    """The target cannot be read or written. A retry helps once that is fixed, and costs nothing."""


def error_from_dict(fields: Mapping[str, Any]) -> LemonDataError:
    """Rebuild an error from :meth:`LemonDataError.to_dict`; an unknown class becomes the base class."""
    known = {cls.__name__: cls for cls in _tree(LemonDataError)}
    details = {name: fields.get(name) for name in ErrorDetails.__annotations__}
    cls = known.get(str(fields.get("type")), LemonDataError)
    return cls(str(fields.get("message") or "no reason given"), **details)  # type: ignore[arg-type]  # names are those of ErrorDetails


def _tree(cls: type[LemonDataError]) -> list[type[LemonDataError]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _tree(child))]
