"""
Tasks, as LemonData's answers describe them.

An answer is read tolerantly: a paid task survives a missing field, a new field and a field of the wrong type. Sources:
https://docs.lemondata.cc (create-video, get-video-status, get-task-status).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lemondata_provider.api.fields import (
    Number,
    Text,
    read_first,
    read_link,
    read_number,
    read_reason,
    read_text,
    read_time,
)
from lemondata_provider.api.storable import storable

log = logging.getLogger(__name__)

MAX_STATUS = 50  # characters of a status word
MAX_TASK_ID = 500  # characters
MAX_VIDEOS = 20  # of a task; the service gives one
VIDEO_PLACES = ("videos", "data", "content", "video", "video_url")  # documented
OTHER_VIDEO_PLACES = ("output", "outputs", "result", "results", "url", "output_url", "download_url", "file", "file_url")


class TaskStatus(str, Enum):
    """The four states of a task; every other word of the service means one of them."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


STATUS_WORDS = {
    **{status.value: status for status in TaskStatus},
    "queued": TaskStatus.PENDING,
    "running": TaskStatus.PROCESSING,
    "succeeded": TaskStatus.COMPLETED,
    "expired": TaskStatus.FAILED,
    "cancelled": TaskStatus.FAILED,
    "canceled": TaskStatus.FAILED,
    "error": TaskStatus.FAILED,
}


@lru_cache(maxsize=256)
def _status_of(word: str) -> TaskStatus:
    """Cached, so that an unknown word is logged once and not at every poll."""
    if word not in STATUS_WORDS:
        log.warning("Unknown task status %r: the task counts as not finished", word)
    return STATUS_WORDS.get(word, TaskStatus.PROCESSING)


def _status(value: object) -> TaskStatus:
    word = value.strip()[:MAX_STATUS].lower() if isinstance(value, str) else ""
    return _status_of(word) if word else TaskStatus.PENDING


def _pixels(value: object) -> int | None:
    number = read_number(value)
    return None if number is None else round(number)


def _progress(value: object) -> float | None:
    number = read_number(value)
    return None if number is None else min(max(number, 0.0), 100.0)


class Answer(BaseModel):
    """Base class of all answers: frozen, with unknown fields ignored."""

    # Pydantic builds the class at first use, so that parsing a DAG file does not pay for it.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Video(Answer):
    """One video of a completed task: its URL; length in seconds and size in pixels if the service reports them."""

    url: str
    duration: Number = None
    width: Annotated[int | None, BeforeValidator(_pixels)] = None
    height: Annotated[int | None, BeforeValidator(_pixels)] = None


class TaskError(Answer):
    """The reason of a failure, in the service's own words."""

    code: Text = None
    message: Text = None


class Task(Answer):
    """
    One generation at LemonData, as an answer describes it.

    ``poll_url`` is never empty. ``progress`` is a percentage. ``videos`` can be empty even if the task completed.
    ``raw_status`` is the service's own status word, and ``raw`` the whole answer.
    """

    id: str
    poll_url: str
    status: Annotated[TaskStatus, BeforeValidator(_status)] = TaskStatus.PENDING
    raw_status: Text = None
    progress: Annotated[float | None, BeforeValidator(_progress)] = None
    videos: tuple[Video, ...] = ()
    error: TaskError | None = None
    cancelled: Annotated[bool, BeforeValidator(lambda value: value is True)] = False
    cancellation_status: Text = None
    billing_transaction_id: Text = None
    last_frame_url: Text = None
    request_id: Text = None
    model: Text = None
    created: datetime | None = None
    updated: datetime | None = None
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any], task_id: str, poll_url: str) -> Task:
        """Parse an answer about the task with this id and poll URL."""
        return cls.model_validate(
            {
                **payload,
                "id": task_id,
                "poll_url": poll_url,
                "raw_status": (read_text(payload.get("status")) or "")[:MAX_STATUS],
                "videos": _videos(payload),
                "error": _task_error(payload),
                "last_frame_url": read_link(payload.get("last_frame_url") or _content(payload).get("last_frame_url")),
                "created": read_first(read_time, payload, "created", "created_at"),
                "updated": read_first(read_time, payload, "updated", "completed_at"),
                "raw": dict(payload),
            }
        )

    @property
    def seconds(self) -> float | None:
        """Return the seconds from creation to last update, by the service's clock."""
        return (self.updated - self.created).total_seconds() if self.created and self.updated else None

    def result(self) -> dict[str, Any]:
        """
        Return the result of an Airflow task: plain JSON values, always with the same keys.

        ``operation`` and ``estimated_cost_usd`` are ``None``: the operator fills them in.
        """
        result: dict[str, Any] = storable(
            {
                "task_id": self.id,
                **self.model_dump(mode="json", include=RESULT_FIELDS),
                "operation": None,
                "generation_seconds": self.seconds,
                "video_url": self.videos[0].url if self.videos else None,
                "estimated_cost_usd": None,
            }
        )
        return result

    def with_absolute_links(self, answered_url: str) -> Task:
        """Return the task with links that a client can follow: a path is relative to the URL that gave the answer."""
        links = [video.model_copy(update={"url": _absolute(video.url, answered_url)}) for video in self.videos]
        last_frame = self.last_frame_url and _absolute(self.last_frame_url, answered_url)
        return self.model_copy(update={"videos": tuple(links), "last_frame_url": last_frame})


RESULT_FIELDS = {
    "poll_url",
    "status",
    "model",
    "progress",
    "videos",
    "last_frame_url",
    "billing_transaction_id",
    "created",
    "updated",
}


def _videos(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Collect the videos from all documented places, or else from others; each URL once, with all that is said."""
    return _videos_in(payload, VIDEO_PLACES) or _videos_in(payload, OTHER_VIDEO_PLACES)


def _videos_in(payload: Mapping[str, Any], names: tuple[str, ...], depth: int = 2) -> list[dict[str, Any]]:
    places = [payload.get(name) for name in names]
    items = [item for place in places for item in (place if isinstance(place, list) else [place])]
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        video = item if isinstance(item, dict) else {"url": item}
        if url := read_link(video.get("url")) or read_link(video.get("video_url")):
            found[url] = {**video, **found.get(url, {}), "url": url}
        elif isinstance(item, dict) and depth:
            found.update({deeper["url"]: deeper for deeper in _videos_in(item, names + VIDEO_PLACES, depth - 1)})
    return list(found.values())[:MAX_VIDEOS]


def _absolute(link: str, answered_url: str) -> str:
    try:
        return link if urlsplit(link).scheme else urljoin(answered_url, link)
    except ValueError:
        return link


def _content(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    content = payload.get("content")
    return content if isinstance(content, dict) else {}


def _task_error(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the reason of a failure, from whichever field has it."""
    error = payload.get("error")
    code = error.get("code") if isinstance(error, dict) else payload.get("error_code")
    reason = read_reason(error) or read_reason(payload)
    return {"code": code, "message": reason} if reason or read_text(code) else None


def canonical_poll_url(task_id: str) -> str:
    """Return the path of a task's status endpoint."""
    return f"/v1/tasks/{quote(task_id, safe='')}"


def task_id_of(poll_url: str) -> str | None:
    """Return the task id at the end of a poll URL, or ``None``."""
    try:
        path = urlsplit(poll_url).path
    except ValueError:
        return None
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


def identify(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return id and poll URL of the task that a create answer names, or ``None`` if it names no task."""
    poll_url = read_link(payload.get("poll_url"))
    ids = [payload.get("id"), payload.get("task_id")]
    named = [text for value in ids if (text := read_text(value)) and len(text) <= MAX_TASK_ID]
    numbers = [str(value) for value in ids if type(value) is int]  # the wrong type, but perhaps the only name
    task_id = next(iter(named), None) or (task_id_of(poll_url) if poll_url else None) or next(iter(numbers), None)
    return (task_id, poll_url or canonical_poll_url(task_id)) if task_id else None
