"""What the API answers, in each of the shapes that the settings ask for; pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from lemondata_provider.sandbox.links import file_url
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.sizes import size_of
from lemondata_provider.sandbox.tasks import Task

Json = dict[str, Any]

_UNDOCUMENTED: Json = {"x_queue": {"position": 3, "lanes": [{"name": "a", "eta": None}]}, "x_note": "未公開"}
# What keeps its type under wrong_types: without it the answer would not be usable at all.
_ESSENTIAL = {"id", "task_id", "poll_url", "status", "video_url", "last_frame_url", "cancelled"}


def create_answer(task: Task, settings: Settings, base_url: str) -> Json:
    """The answer to an accepted create."""
    answer = {
        **_identity(task, settings),
        **_poll_url(task, settings, base_url),
        "status": settings.pending_word,
        "model": task.order.model,
        **_times(task, settings, task.created, create=True),
    }
    return _disturbed(answer, settings)


def task_answer(task: Task, settings: Settings, base_url: str, now: float, *, late: bool = False) -> Json:
    """The answer to a poll; `late` keeps the URL of a completed video back."""
    status = task.status(now)
    words = {
        "pending": settings.pending_word,
        "processing": settings.processing_word,
        "completed": settings.completed_word,
        "failed": settings.failed_word,
    }
    answer = {
        **_identity(task, settings),
        **(_poll_url(task, settings, base_url) if settings.poll_url_in_polls else {}),
        "status": words[status],
        "model": task.order.model,
        **_progress(task, settings, now),
        **_times(task, settings, now, create=False),
    }
    if status == "completed" and not late:
        answer |= _video(task, settings, base_url, now)
        if task.order.last_frame:
            answer["last_frame_url"] = file_url(task.id, settings, base_url, now, "png")
    if status == "failed":
        reason = task.reason()
        answer["error"] = reason if settings.error_form == "object" else reason["message"]
    if task.cancelled is not None:
        answer |= {"cancelled": True, "cancellation_status": "cancelled"}
    elif now >= task.ends:
        answer["billing_transaction_id"] = transaction_id(task)
    return _disturbed(answer, settings)


def refusal_answer(refusal: Refusal, settings: Settings) -> Json:
    """The body of an error answer."""
    if settings.http_error_form == "string":
        return {"error": refusal.message}
    error = {name: value for name, value in refusal.error.items() if value is not None}
    return {"error": _disturbed(error, settings, {"message", "type", "code"})}


def transaction_id(task: Task) -> str:
    """The billing transaction that settles a task."""
    return f"txn_{task.id.removeprefix('ldtask_')}"


def _identity(task: Task, settings: Settings) -> Json:
    names = {"both": ("id", "task_id"), "none": ()}.get(settings.id_field, (settings.id_field,))
    return dict.fromkeys(names, task.id)


def _poll_url(task: Task, settings: Settings, base_url: str) -> Json:
    path = f"/v1/tasks/{task.id}"
    urls = {
        "path": path,
        "absolute": f"{base_url}{path}",
        "elsewhere": f"{settings.elsewhere}{path}",
        "compatibility": f"/v1/videos/generations/{task.id}",
        "query": f"{path}?token={task.token}",
    }
    form = settings.poll_url_form
    return {"poll_url": urls[form]} if form in urls else {}


def _times(task: Task, settings: Settings, now: float, *, create: bool) -> Json:
    form, changed = settings.time_fields, task.changed(now)
    if form == "none":
        return {}
    if form == "new":
        return {"created": int(task.created)} | ({} if create else {"updated": int(changed)})
    ended = now >= task.ends or task.cancelled is not None
    times = {"created_at": task.created} | ({"completed_at": changed} if ended and not create else {})
    if form == "old":
        return {name: int(value) for name, value in times.items()}
    return {name: datetime.fromtimestamp(value, timezone.utc).isoformat() for name, value in times.items()}


def _progress(task: Task, settings: Settings, now: float) -> Json:
    progress = task.progress(now)
    forms: Json = {
        "number": progress,
        "percent": f"{progress}%",
        "stuck": 7,
        "wrong_type": {"done": progress, "of": [100]},
    }
    return {"progress": forms[settings.progress]} if settings.progress in forms else {}


def _video(task: Task, settings: Settings, base_url: str, now: float) -> Json:
    url = file_url(task.id, settings, base_url, now)
    video: Json = {"url": url, "duration": task.order.duration}
    if not task.order.video:
        video |= dict(zip(("width", "height"), size_of(task.order, settings), strict=True))
    if settings.unknown_fields:
        video |= _UNDOCUMENTED
    forms: dict[str, Json] = {
        "video_url": {"video_url": url},
        "video": {"video": video},
        "videos": {"videos": [video]},
        "urls": {"videos": [url]},
        "all": {"video_url": url, "video": video, "videos": [video]},
        "none": {},
    }
    return forms[settings.video_form]


def _disturbed(answer: Json, settings: Settings, essential: set[str] = _ESSENTIAL) -> Json:
    if settings.wrong_types:
        # The only place of the URL has to stay readable: a URL that cannot be read is video_form="none".
        keep = essential | ({settings.video_form} if settings.video_form in {"video", "videos"} else {"videos"})
        answer = {name: value if name in keep else _wrong(value) for name, value in answer.items()}
    return answer | _UNDOCUMENTED if settings.unknown_fields else answer


def _wrong(value: Any) -> Any:
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return {"items": value}
    return [value] if value is None or isinstance(value, str) else str(value)
