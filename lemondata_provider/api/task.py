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
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lemondata_provider.api.fields import Number, Text, read_number, read_text, read_time

log = logging.getLogger(__name__)


class TaskStatus(str, Enum):
    """The four states of a task; every other word of the service means one of them."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


_OTHER_WORDS = {
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
    try:
        return _OTHER_WORDS.get(word) or TaskStatus(word)
    except ValueError:
        log.warning("Unknown task status %r: the task counts as not finished", word[:50])
        return TaskStatus.PROCESSING


def _status(value: object) -> TaskStatus:
    word = value.strip().lower() if isinstance(value, str) else ""
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
                "raw_status": payload.get("status"),
                "videos": _videos(payload),
                "error": _task_error(payload.get("error")),
                "last_frame_url": payload.get("last_frame_url") or _content(payload).get("last_frame_url"),
                "created": _first(payload, "created", "created_at"),
                "updated": _first(payload, "updated", "completed_at"),
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

        ``operation`` and ``estimated_cost_usd`` come from :class:`~lemondata_provider.api.submit_facts.SubmitFacts`.
        """
        return {
            "task_id": self.id,
            **self.model_dump(mode="json", include=RESULT_FIELDS),
            "operation": None,
            "video_url": self.videos[0].url if self.videos else None,
            "estimated_cost_usd": None,
        }


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


def _first(payload: Mapping[str, Any], *names: str) -> datetime | None:
    return next((time for name in names if (time := read_time(payload.get(name)))), None)


def _videos(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Collect the videos from all documented places; each URL once, with all that is said about it."""
    places = [payload.get(name) for name in ("videos", "data", "content", "video", "video_url")]
    items = [item for place in places for item in (place if isinstance(place, list) else [place])]
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        video = item if isinstance(item, dict) else {"url": item}
        if url := read_text(video.get("url")) or read_text(video.get("video_url")):
            found[url] = {**video, **found.get(url, {}), "url": url}
    return list(found.values())


def _content(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    content = payload.get("content")
    return content if isinstance(content, dict) else {}


def _task_error(value: object) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    return {"message": value} if read_text(value) else None


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
    poll_url = read_text(payload.get("poll_url"))
    task_id = (
        read_text(payload.get("id"))
        or read_text(payload.get("task_id"))
        or (task_id_of(poll_url) if poll_url else None)
    )
    numbers = [payload[name] for name in ("id", "task_id") if type(payload.get(name)) is int]
    if not task_id and numbers:
        task_id = str(numbers[0])  # the wrong type, but the only name of a paid task
    return (task_id, poll_url or canonical_poll_url(task_id)) if task_id else None
