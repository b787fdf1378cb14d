"""How the entry of a video goes on: with what was asked for, with a result, and with an error; pure decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lemondata_provider.api.errors import LemonDataError, SubmitUnknownError, TaskFailedError
from lemondata_provider.api.fields import read_time
from lemondata_provider.api.hints import describe
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.signed_links import hide_signatures, unsigned
from lemondata_provider.api.task import TaskStatus
from lemondata_provider.hooks.exceptions import error_behind
from lemondata_provider.videos.entry import MAX_PROMPT, EntryError, EntryState, VideoEntry

# Not `user`, which may name a person, and no field of `extra_params`, which may be anything.
SHOWN_FIELDS = (
    *("duration", "resolution", "aspect_ratio", "fps", "seed", "output_audio", "cfg_scale", "motion_strength"),
    *("watermark", "return_last_frame", "reference_image_type", "source_task_id"),
)
MAX_FIELD = 100  # characters
MAX_INTEGER = 2**53  # larger ones are shown as text: not every reader of JSON has them


def asked(fields: Mapping[str, Any], conn_id: str | None = None, shows_prompts: bool = True) -> VideoEntry:
    """
    Return the entry of a request that was not submitted yet.

    :param fields: the fields of the request by the provider's names, as they were rendered; any value may be wrong.
    :param conn_id: the connection.
    :param shows_prompts: whether it may hold the texts of ``prompt`` and ``negative_prompt``.
    """
    names = (*SHOWN_FIELDS, "negative_prompt") if shows_prompts else SHOWN_FIELDS
    shown = {name: _short(fields.get(name)) for name in names}
    return VideoEntry(
        EntryState.SUBMITTED,
        conn_id=conn_id,
        model=_text(fields.get("model"), MAX_FIELD),
        operation=_text(fields.get("operation"), MAX_FIELD),
        prompt=_text(fields.get("prompt"), MAX_PROMPT) if shows_prompts else None,
        request={name: value for name, value in shown.items() if value is not None},
    )


def with_result(entry: VideoEntry, result: Mapping[str, Any], now: float) -> VideoEntry:
    """
    Return the entry at the end of a task instance that succeeded.

    :param entry: what was known; it says the cost, since a result may be about a video that others paid for.
    :param result: what the operator returns.
    :param now: Unix seconds.
    """
    outputs, videos = result.get("outputs") or (), result.get("videos") or ()
    first: Mapping[str, Any] = next(iter([*outputs, *videos]), {})
    facts: dict[str, Any] = {name: first.get(name) for name in ("duration", "width", "height", "size")}
    is_there = bool(outputs) or result.get("status") == TaskStatus.COMPLETED.value
    # A file of its own that an earlier try stored is none that was there already.
    skipped = bool(result.get("skipped")) and entry.created is None
    return replace(
        entry,
        state=EntryState.COMPLETED if is_there else EntryState.SUBMITTED,
        video_task=entry.video_task or result.get("task_id"),
        poll_url=entry.poll_url or result.get("poll_url"),
        model=result.get("model") or entry.model,
        operation=result.get("operation") or entry.operation,
        created=entry.created or _seconds(result.get("created")),
        ended=now,
        seconds=result.get("generation_seconds"),
        **facts,
        file=result.get("output_path"),
        poster=result.get("poster_path"),
        remote_url=unsigned(result.get("video_url")) or None,
        completed=_seconds(result.get("updated")) if is_there else None,
        stored=now if outputs and not skipped else None,
        skipped=skipped,
    )


def with_error(entry: VideoEntry, exception: Exception, now: float) -> VideoEntry:
    """
    Return the entry at the end of a task instance that failed.

    :param entry: what was known.
    :param exception: what was raised.
    :param now: Unix seconds.
    """
    error = error_behind(exception) or LemonDataError(f"{type(exception).__name__}: {exception}")
    state = EntryState.UNKNOWN if isinstance(error, SubmitUnknownError) else EntryState.FAILED
    return replace(
        entry,
        state=state,
        video_task=entry.video_task or error.task_id,
        poll_url=entry.poll_url or error.poll_url,
        error=EntryError(error.message, error.code, describe(error.hints) or None, error.request_id),
        ended=now,
        # LemonData charges nothing for a generation that failed.
        estimated_cost=None if isinstance(error, TaskFailedError) else entry.estimated_cost,
    )


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON has no other
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return value
    return _text(value, MAX_FIELD)


def _text(value: Any, length: int) -> str | None:
    """Return the beginning of a text that may show; what is shielded is no ``str``, and shows itself shortened."""
    if value is None or isinstance(value, (list, tuple, dict)):
        return None
    return str(hide_signatures(redact(str(value))))[:length] or None


def _seconds(value: Any) -> float | None:
    time = read_time(value)
    return None if time is None else time.timestamp()
