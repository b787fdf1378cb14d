"""Everything about the sandbox that can vary, each with a default."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class SettingError(ValueError):
    """A setting that does not exist, or a value that it cannot take."""


@dataclass(frozen=True)
class Settings:
    """How the sandbox behaves; a new value is a new object, so one request never sees half a change."""

    # Who may call, and how often
    api_key: str = "sk-sandbox"  # the key that is let in; any other: 401 invalid_api_key
    management_token: str = "mt-sandbox"  # noqa: S105 # what the management endpoints take instead of a key
    other_keys: tuple[str, ...] = ()  # more keys that are let in; cancelling a task of another key: 403
    expired_keys: tuple[str, ...] = ()  # 401 expired_api_key
    balance_usd: float | None = None  # None: endless; otherwise a create that would overdraw it: 402
    refund_failed: bool = False  # whether a failed task gives its money back (a cancelled one always does)
    requests_per_minute: int | None = None  # over every API call of a key; beyond it: 429
    rate_window_seconds: float = 60.0  # how long a call counts; shorter only to keep tests short
    rate_limit_headers: bool = False  # X-RateLimit-Limit, -Remaining and -Reset on every API answer
    max_body_bytes: int = 30_000_000  # beyond it: 413 payload_too_large
    strict_contract: bool = False  # 400 for a duration, resolution or ratio that the model does not list

    # Time
    pending_seconds: float = 0.5  # from creation to processing
    generation_seconds: float = 10.0  # from creation to the end, pending included
    answer_delay: float = 0.0  # seconds before each API answer
    forget_after: float | None = None  # seconds after creation when a task becomes unknown: 404

    # The edition of the documentation that requests and answers follow
    edition: Literal["2026-03", "2026-05", "2026-09"] = "2026-09"

    # The shape of the answers: each variation of the documentation, and what no documentation promises
    path_prefix: str = ""  # a gateway's prefix, such as "/gateway": every path is reachable below it too
    id_field: Literal["both", "id", "task_id", "none"] = "both"  # which names the identity has
    id_prefix: str = "ldtask_"  # what ids begin with
    poll_url_form: Literal["path", "absolute", "missing", "elsewhere", "compatibility", "query"] = "path"
    # ^ /v1/tasks/{id}; with the base URL; none; on another host; /v1/videos/generations/{id}; with a ?token=
    poll_url_in_polls: bool = True  # whether polls repeat it
    elsewhere: str = "https://elsewhere.invalid"  # the other host of poll_url_form="elsewhere"
    time_fields: Literal["new", "old", "iso", "none"] = "new"  # created/updated; created_at/completed_at; as text
    pending_word: str = "pending"  # the status of a queued task
    processing_word: str = "processing"  # the status of a running task; any unknown word
    completed_word: str = "completed"  # also "succeeded"
    failed_word: str = "failed"  # or any other word that means so, such as "expired"
    progress: Literal["number", "percent", "missing", "stuck", "wrong_type"] = "number"  # 42; "42%"; …; always 7
    video_form: Literal["video_url", "video", "videos", "urls", "all", "none"] = "video_url"
    # ^ where the URL is; urls: `videos` is a list of plain strings; none: completed without any URL
    video_url_late: int = 0  # how many polls after completion show no URL yet
    error_form: Literal["object", "string"] = "object"  # `error` of a failed task
    http_error_form: Literal["object", "string"] = "object"  # `error` of a refused request
    unknown_fields: bool = False  # adds undocumented fields, some nested
    wrong_types: bool = False  # optional fields have the wrong type; identity, status and URLs stay right
    pricing_form: Literal["new", "old", "range"] = "new"  # of /v1/pricing; range: only a smallest and a largest price
    model_not_found_status: Literal[400, 404] = 400  # editions differ

    # The videos
    link_seconds: float | None = None  # file URLs are signed, and answer 403 after this time; each poll signs a new one
    range_requests: Literal["full", "ignored", "changed"] = "full"
    # ^ of files: honoured; answered with the whole file; the file is another one at each request (ETag, Last-Modified)
    scale_down: int = 4  # real sizes are divided by it, so that rendering is fast: 720p is 320x180
    fps: int = 12  # where the request names none
    duration: int = 4  # seconds, where the request names none

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value >= 0:
                raise SettingError(f"{field.name} must not be negative, got {value!r}.")
        if not re.fullmatch("[A-Za-z0-9_-]*", self.id_prefix):
            raise SettingError("id_prefix may hold letters, digits, _ and - only: it is part of file names.")
        if self.scale_down < 1 or self.fps < 1 or self.duration < 1:
            raise SettingError("scale_down, fps and duration must be at least 1.")

    def changed(self, values: Mapping[str, Any]) -> Settings:
        """These settings with some values replaced; refuses unknown names and wrong types."""
        hints = get_type_hints(type(self))
        for name, value in values.items():
            if name not in hints:
                raise SettingError(f"The sandbox has no setting {name!r}; it has: {', '.join(sorted(hints))}.")
            if not _accepts(hints[name], value):
                expected = str(self.__dataclass_fields__[name].type)
                raise SettingError(f"{name} must be {expected}, got {value!r}.")
        # JSON has no tuples.
        frozen: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return replace(self, **frozen)

    def public(self) -> dict[str, Any]:
        """The settings as JSON can hold them, without the keys."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in {"api_key", "other_keys", "expired_keys", "management_token"}
        }


def _accepts(hint: Any, value: object) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(value == allowed and type(value) is type(allowed) for allowed in arguments)
    if origin in {Union, types.UnionType}:
        return any(_accepts(argument, value) for argument in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)
