"""
What goes out and what comes back, as typed objects.

A request is checked strictly, because a wrong one costs money. An answer is read tolerantly, because a task that was
paid for must survive a missing field, a new field and a field of the wrong type. Sources: https://docs.lemondata.cc
(create-video, get-video-status, get-task-status).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

log = logging.getLogger(__name__)


class TaskStatus(str, Enum):
    """The four states of a task; every other word the service uses is one of them."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


_OTHER_WORDS = {
    "succeeded": TaskStatus.COMPLETED,
    "expired": TaskStatus.FAILED,
    "cancelled": TaskStatus.FAILED,
    "canceled": TaskStatus.FAILED,
    "error": TaskStatus.FAILED,
}
_DATETIME: TypeAdapter[datetime] = TypeAdapter(datetime)


@lru_cache(maxsize=256)
def _status_of(word: str) -> TaskStatus:
    """Cached, so that an unknown word is logged once and not at every poll."""
    try:
        return _OTHER_WORDS.get(word) or TaskStatus(word)
    except ValueError:
        log.warning("LemonData used the unknown task status %r: taken as not finished yet", word[:50])
        return TaskStatus.PROCESSING


def _status(value: object) -> TaskStatus:
    word = value.strip().lower() if isinstance(value, str) else ""
    return _status_of(word) if word else TaskStatus.PENDING


def text_of(value: object) -> str | None:
    """Return a text without white space around it; anything else, and an empty one, counts as missing."""
    return value.strip() or None if isinstance(value, str) else None


def _number(value: object) -> float | None:
    """Read a number, also in a string and with a percent sign; anything else counts as missing."""
    if isinstance(value, str):
        value = value.strip().removesuffix("%")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _pixels(value: object) -> int | None:
    number = _number(value)
    return None if number is None else round(number)


def _progress(value: object) -> float | None:
    number = _number(value)
    return None if number is None else min(max(number, 0.0), 100.0)


def _moment(value: object) -> datetime | None:
    """Read Unix seconds or an ISO time; a time without a zone is taken as UTC."""
    if value is None or isinstance(value, bool):
        return None
    try:
        moment = _DATETIME.validate_python(value)
    except ValidationError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


Text = Annotated[str | None, BeforeValidator(text_of)]
Number = Annotated[float | None, BeforeValidator(_number)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class Answer(BaseModel):
    """What all answers share: they are frozen, and unknown fields pass."""

    # Built at first use: every DAG file that imports an operator would pay for it otherwise.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Video(Answer):
    """One video of a finished task: its URL, and if known its length in seconds and size in pixels."""

    url: str
    duration: Number = None
    width: Annotated[int | None, BeforeValidator(_pixels)] = None
    height: Annotated[int | None, BeforeValidator(_pixels)] = None


class TaskError(Answer):
    """Why a task failed, in the service's own words."""

    code: Text = None
    message: Text = None


class Task(Answer):
    """
    One generation at LemonData, as an answer describes it.

    ``poll_url`` is never empty, ``progress`` is a percentage, ``videos`` may be empty also when the task completed,
    and ``raw`` is the whole answer.
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
    model: Text = None
    created: datetime | None = None
    updated: datetime | None = None
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any], task_id: str, poll_url: str) -> Task:
        """Read an answer about the task with this id and poll URL."""
        return cls.model_validate(
            {
                **payload,
                "id": task_id,
                "poll_url": poll_url,
                "raw_status": payload.get("status"),
                "videos": _videos(payload),
                "error": _task_error(payload.get("error")),
                "created": _first(payload, "created", "created_at"),
                "updated": _first(payload, "updated", "completed_at"),
                "raw": dict(payload),
            }
        )

    @property
    def seconds(self) -> float | None:
        """Return how long it took from its creation to its last change, as the service tells it."""
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


RESULT_FIELDS = {"poll_url", "status", "model", "progress", "videos", "billing_transaction_id", "created", "updated"}


def _first(payload: Mapping[str, Any], *names: str) -> datetime | None:
    return next((moment for name in names if (moment := _moment(payload.get(name)))), None)


def _videos(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Collect the videos from all the places where they may be, each URL once, and the fullest telling of each."""
    several = payload.get("videos")
    items = [*(several if isinstance(several, list) else [several]), payload.get("video"), payload.get("video_url")]
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        video = item if isinstance(item, dict) else {"url": item}
        if url := text_of(video.get("url")):
            found[url] = {**video, **found.get(url, {}), "url": url}
    return list(found.values())


def _task_error(value: object) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    return {"message": value} if text_of(value) else None


def canonical_poll_url(task_id: str) -> str:
    """Return the fixed status endpoint of a task, as a path."""
    return f"/v1/tasks/{quote(task_id, safe='')}"


def task_id_of(poll_url: str) -> str | None:
    """Return the task id that a poll URL ends in, if it ends in one."""
    try:
        path = urlsplit(poll_url).path
    except ValueError:
        return None
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


def identify(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return id and poll URL of the task that a create answer names, or nothing where it names none."""
    poll_url = text_of(payload.get("poll_url"))
    task_id = (
        text_of(payload.get("id")) or text_of(payload.get("task_id")) or (task_id_of(poll_url) if poll_url else None)
    )
    if not task_id and type(payload.get("id")) is int:
        task_id = str(payload["id"])  # the wrong type, and all that names a task that is paid for
    return (task_id, poll_url or canonical_poll_url(task_id)) if task_id else None
