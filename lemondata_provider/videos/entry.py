"""
The entry of a video: what the page "Videos" shows of one task instance.

It stands in the XCom ``lemondata_video``, written at submit, at the end and at a failure. Persons may edit XComs, so an
entry is read tolerantly, and nothing that it names is trusted: a file is served only from configured roots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from typing import Any

ENTRY_KEY = "lemondata_video"
VERSION = 1
MAX_BYTES = 2000  # of an entry as JSON
MAX_PROMPT = 500  # characters


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
    :param settled_cost: what LemonData charged, if the connection may ask for it.
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
        given = {name: stored.get(name) for name in _TYPES}
        known: dict[str, Any] = {name: value for name, value in given.items() if isinstance(value, _TYPES[name])}
        return cls(state=state, error=_error(stored.get("error")), earlier=read_paid(stored.get("earlier")), **known)

    def _shorter(self) -> tuple[VideoEntry, ...]:
        error = self.error and replace(self.error, message=self.error.message[:400], hint=(self.error.hint or "")[:200])
        without_request = replace(self, request={}, error=error)
        short_prompt = replace(without_request, prompt=(self.prompt or "")[:100] or None, earlier=self.earlier[-3:])
        return without_request, short_prompt, replace(short_prompt, prompt=None, earlier=(), remote_url=None)


_NUMBER = (int, float)
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("video_task", "poll_url", "conn_id", "model", "operation", "prompt"), str),
    **dict.fromkeys(("estimated_cost", "settled_cost", "file", "poster", "remote_url"), str),
    **dict.fromkeys(("created", "ended", "seconds", "duration", "first_progress", "completed", "stored"), _NUMBER),
    **dict.fromkeys(("width", "height", "size"), int),
    "request": Mapping,
    "skipped": bool,
}


def _error(stored: Any) -> EntryError | None:
    if not isinstance(stored, Mapping) or not isinstance(stored.get("message"), str):
        return None
    names = [item.name for item in fields(EntryError)]
    return EntryError(**{name: stored[name] for name in names if isinstance(stored.get(name), str)})


def read_paid(stored: Any) -> tuple[Paid, ...]:
    """Read a stored list of paid videos, as far as it is one."""
    videos = stored if isinstance(stored, (list, tuple)) else ()
    return tuple(
        Paid(
            video["video_task"],
            cost if isinstance(cost := video.get("cost"), str) else None,
            at if isinstance(at := video.get("at"), _NUMBER) else None,
        )
        for video in videos
        if isinstance(video, Mapping) and isinstance(video.get("video_task"), str)
    )
