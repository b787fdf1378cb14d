"""
The entry of a video: what the page "Videos" shows of one task instance.

It stands in the XCom ``lemondata_video``, written at submit, at the end and at a failure. Persons may edit XComs, so an
entry is read tolerantly, and nothing that it names is trusted: a file is served only from configured roots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from typing import Any

ENTRY_KEY = "lemondata_video"
VERSION = 1
MAX_BYTES = 2000  # of an entry as JSON
MAX_PROMPT = 500  # characters
MAX_SHOWN = 4000  # characters of an error that a person edited
MAX_FIELDS = 30  # of a request
MAX_EARLIER = 10  # videos that a task instance paid for before
MAX_TRANSACTION = 100  # characters of LemonData's id of a charge
MAX_NUMBER = 1e15  # of anything


class EntryState(str, Enum):
    """How far the video is, as far as the task instance knows."""

    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"  # nothing was submitted, or the generation failed
    UNKNOWN = "unknown"  # a create may have been paid for, and its answer got lost


@dataclass(frozen=True)
class EntryError:
    """
    Why there is no video.

    :param message: for the person on call.
    :param code: LemonData's.
    :param hint: what LemonData advises.
    :param request_id: LemonData's id of the request that failed.
    """

    message: str
    code: str | None = None
    hint: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Paid:
    """A video that the task instance paid for before this one."""

    video_task: str
    cost: str | None = None
    at: float | None = None


@dataclass(frozen=True)
class VideoEntry:
    """
    What the page shows of one task instance. Times are Unix seconds, costs are USD as text; ``None`` is unknown.

    :param state: how far the video is.
    :param video_task: LemonData's id of the task; never named like Airflow's own.
    :param poll_url: its poll URL.
    :param conn_id: the connection; for the server only.
    :param model: which model generates.
    :param operation: what was asked for.
    :param prompt: its first 500 characters, unless ``[lemondata] record_prompts`` is off.
    :param request: the other fields of the request that are short and no media.
    :param error: why there is no video.
    :param created: when it was submitted.
    :param ended: when the task instance ended with it.
    :param seconds: how long the generation took.
    :param duration: seconds of video.
    :param width: pixels.
    :param height: pixels.
    :param size: bytes of the file.
    :param estimated_cost: the price at submit time; none if another task instance paid.
    :param settled_cost: what LemonData charged; ``airflow lemondata settle`` stores it.
    :param billing_transaction: LemonData's id of the charge of a finished task; none if another task instance paid.
    :param file: the stored file with its connection; for the server only.
    :param poster: the stored poster with its connection; for the server only.
    :param remote_url: the video at LemonData, if its link is not signed.
    :param first_progress: when the first progress was seen.
    :param completed: when LemonData completed the task.
    :param stored: when the file was stored.
    :param skipped: whether the file was there already, so that nothing was paid.
    :param earlier: videos that the task instance paid for before.
    """

    state: EntryState
    video_task: str | None = None
    poll_url: str | None = None
    conn_id: str | None = None
    model: str | None = None
    operation: str | None = None
    prompt: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    error: EntryError | None = None
    created: float | None = None
    ended: float | None = None
    seconds: float | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    estimated_cost: str | None = None
    settled_cost: str | None = None
    billing_transaction: str | None = None
    file: str | None = None
    poster: str | None = None
    remote_url: str | None = None
    first_progress: float | None = None
    completed: float | None = None
    stored: float | None = None
    skipped: bool = False
    earlier: tuple[Paid, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON values of at most 2 kB; what can be missed most easily is left out first."""
        for entry in (self, *self._shorter()):
            values = {name: value for name, value in asdict(entry).items() if value not in (None, {}, (), False)}
            values = {"v": VERSION, **values, "state": self.state.value}
            if entry.earlier:
                values["earlier"] = [asdict(video) for video in entry.earlier]  # Airflow stores a tuple as no JSON list
            if len(json.dumps(values).encode()) <= MAX_BYTES:
                break
        return values

    @classmethod
    def from_json(cls, stored: Any) -> VideoEntry | None:
        """Read a stored entry, field by field; ``None`` if it is none."""
        if not isinstance(stored, Mapping):
            return None
        try:
            state = EntryState(stored.get("state"))
        except ValueError:
            return None
        known = {name: read(stored.get(name)) for name, read in _READ.items()}
        return cls(state=state, error=_error(stored.get("error")), earlier=read_paid(stored.get("earlier")), **known)

    def _shorter(self) -> tuple[VideoEntry, ...]:
        error = self.error and replace(self.error, message=self.error.message[:400], hint=(self.error.hint or "")[:200])
        without_request = replace(self, request={}, error=error)
        short_prompt = replace(without_request, prompt=(self.prompt or "")[:100] or None, earlier=self.earlier[-3:])
        shortest = replace(short_prompt, prompt=None, earlier=(), remote_url=None)
        last = error and replace(error, message=error.message[:100], hint=(error.hint or "")[:50] or None)
        return without_request, short_prompt, shortest, replace(shortest, error=last)


def read_number(value: Any) -> float | None:
    """Return a number that a page can show and a computer can add; ``None`` if a person put something else there."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) <= MAX_NUMBER else None  # NaN is not smaller


def read_transaction(value: Any) -> str | None:
    """Return LemonData's id of a charge; ``None`` if this is none, or an endless one."""
    return _TRANSACTION(value) or None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and read_number(value) is not None else None


def _text(longest: int) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and len(value) <= longest else None


def _request(value: Any) -> dict[str, Any]:
    fields_of = value.items() if isinstance(value, Mapping) else ()
    plain = {name: item for name, item in fields_of if _is_short(name) and _is_short(item)}
    return dict(list(plain.items())[:MAX_FIELDS])


def _is_short(value: Any) -> bool:
    return isinstance(value, bool) or read_number(value) is not None or _NAME(value) is not None


_NAME, _PATH, _SENTENCES, _TRANSACTION = _text(300), _text(2048), _text(4000), _text(MAX_TRANSACTION)
_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("video_task", "conn_id", "model", "operation", "estimated_cost", "settled_cost"), _NAME),
    **dict.fromkeys(("poll_url", "file", "poster", "remote_url"), _PATH),
    **dict.fromkeys(("created", "ended", "seconds", "duration", "first_progress", "completed", "stored"), read_number),
    **dict.fromkeys(("width", "height", "size"), _whole),
    "billing_transaction": read_transaction,
    "prompt": _SENTENCES,
    "request": _request,
    "skipped": lambda value: value is True,
}


def _error(stored: Any) -> EntryError | None:
    if not isinstance(stored, Mapping) or not isinstance(stored.get("message"), str):
        return None
    names = [item.name for item in fields(EntryError)]
    return EntryError(**{name: stored[name][:MAX_SHOWN] for name in names if isinstance(stored.get(name), str)})


def read_paid(stored: Any) -> tuple[Paid, ...]:
    """Read a stored list of paid videos, as far as it is one."""
    videos = stored[-MAX_EARLIER:] if isinstance(stored, (list, tuple)) else ()
    return tuple(
        Paid(task, _NAME(video.get("cost")), read_number(video.get("at")))
        for video in videos
        if isinstance(video, Mapping) and (task := _NAME(video.get("video_task")))
    )
