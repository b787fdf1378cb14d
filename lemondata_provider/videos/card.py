"""A video as JSON: what the REST API, the page and the command line show of a stored video."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from lemondata_provider.api.fields import read_time
from lemondata_provider.api.signed_links import unsigned
from lemondata_provider.videos.entry import EntryState, VideoEntry
from lemondata_provider.videos.query import StoredVideo
from lemondata_provider.videos.states import VideoState

LEFT = (
    "Airflow ended this task instance while its video was in flight: it may be finished, and it is paid for. Clear the "
    "task instance: its next try finds the video. Or get it with TaskSensor(poll_url=…)."
)
LOST = (
    "The answer to the create was lost, so that a video may have been paid for. List its charges with `airflow "
    "lemondata unknown`, then run `airflow lemondata adopt` or `forget`, and clear the task instance."
)
SHOWN = (
    *("video_task", "model", "operation", "prompt", "request"),
    *("seconds", "duration", "width", "height", "size", "skipped"),
)

WhyNot = Callable[["str | None"], "str | None"]
"""Says in a sentence why a recorded file is not streamed, or ``None`` if it is."""


def card(
    video: StoredVideo, why_not: WhyNot, typical_seconds: Mapping[str, float], now: float | None = None
) -> dict[str, Any]:
    """
    Return a video as plain JSON values; connections and files stay on the server.

    :param why_not: says why a file is not streamed.
    :param typical_seconds: how long videos of a model take, by model.
    :param now: Unix seconds. Default: the clock's.
    """
    entry = video.entry
    now = time.time() if now is None else now
    return {
        **asdict(video.task_instance),
        "try_number": video.try_number,
        "task_state": video.task_state,
        "state": video.state.value,
        **{name: getattr(entry, name) for name in SHOWN},
        "error": entry.error and asdict(entry.error),
        "repair": _repair(video),
        "created": iso(entry.created),
        "ended": iso(entry.ended),
        "cost": {"estimated": entry.estimated_cost, "settled": entry.settled_cost},
        "media": _media(video, why_not),
        "remote_url": unsigned(entry.remote_url) or None,  # a person may have edited it
        **_outlook(video, typical_seconds, now),
        "timeline": _timeline(entry),
        "earlier": [{**asdict(paid), "at": iso(paid.at)} for paid in entry.earlier],
    }


def iso(at: float | None) -> str | None:
    """Return Unix seconds as text; ``None`` for what is no time."""
    instant = read_time(at)
    return None if instant is None else instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _repair(video: StoredVideo) -> str | None:
    if video.state is not VideoState.UNKNOWN:
        return None
    return LOST if video.entry.state is EntryState.UNKNOWN else LEFT


def _timeline(entry: VideoEntry) -> dict[str, str | None]:
    return {
        "submitted": iso(entry.created),
        "first_progress": iso(entry.first_progress),
        "completed": iso(entry.completed),
        "stored": iso(entry.stored),
    }


def _media(video: StoredVideo, why_not: WhyNot) -> dict[str, str | None]:
    """Return where the file and its poster are, relative to the application."""
    nothing: dict[str, str | None] = {"video": None, "poster": None, "why_not": None}
    if video.entry.file is None and video.entry.state is not EntryState.COMPLETED:
        return nothing
    reason, query = why_not(video.entry.file), urlencode(asdict(video.task_instance))
    if reason is not None:
        return {**nothing, "why_not": reason}
    has_poster = video.entry.poster is not None and why_not(video.entry.poster) is None
    return {
        "video": f"media/video?{query}",
        "poster": f"media/poster?{query}" if has_poster else None,
        "why_not": None,
    }


def _outlook(video: StoredVideo, typical_seconds: Mapping[str, float], now: float) -> dict[str, Any]:
    """Return progress, age and expected rest of a video in flight; the rest is always an estimate."""
    created, progress = video.entry.created, video.progress
    if video.state is not VideoState.IN_FLIGHT or created is None:
        return {"progress": None, "age_seconds": None, "rest_seconds": None}
    age = max(0.0, now - created)
    typical = typical_seconds.get(video.entry.model or "")
    return {
        # An older progress is that of an earlier video of the task instance.
        "progress": {**asdict(progress), "at": iso(progress.at)} if progress and progress.at >= created else None,
        "age_seconds": round(age, 1),
        "rest_seconds": None if typical is None else round(max(0.0, typical - age), 1),
    }
