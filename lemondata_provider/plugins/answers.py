"""The shapes of the REST API's answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from lemondata_provider.videos.spending import By
from lemondata_provider.videos.states import VideoState


class Refusal(TypedDict):
    """Why there is no answer, in a sentence."""

    detail: str


class Reason(TypedDict):
    """Why there is no video."""

    code: str | None
    message: str
    hint: str | None
    request_id: str | None


class Cost(TypedDict):
    """What a video costs in USD: the price at submit time, and what LemonData charged."""

    estimated: str | None
    settled: str | None


class Media(TypedDict):
    """Where the file and its poster are, relative to `/lemondata/`, or why there are none."""

    video: str | None
    poster: str | None
    why_not: str | None


class LastProgress(TypedDict):
    """What LemonData said last of a video in flight."""

    percent: float | None
    status: str
    at: str | None


class Timeline(TypedDict):
    """When what happened."""

    submitted: str | None
    first_progress: str | None
    completed: str | None
    stored: str | None


class Earlier(TypedDict):
    """A video that the task instance paid for before."""

    video_task: str
    cost: str | None
    at: str | None


class Video(TypedDict):
    """The video of a task instance; times are ISO 8601 in UTC."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    task_state: str | None
    state: VideoState
    video_task: str | None
    model: str | None
    operation: str | None
    prompt: str | None
    request: dict[str, Any]
    error: Reason | None
    repair: str | None
    created: str | None
    ended: str | None
    seconds: float | None
    duration: float | None
    width: int | None
    height: int | None
    size: int | None
    cost: Cost
    media: Media
    remote_url: str | None
    progress: LastProgress | None
    age_seconds: float | None
    rest_seconds: float | None
    timeline: Timeline
    skipped: bool
    earlier: list[Earlier]


class Videos(TypedDict):
    """Videos, newest first."""

    videos: list[Video]


class VideoPage(Videos):
    """A page of videos, and what to pass as `after` for the next one."""

    next: str | None


class Choices(TypedDict):
    """What the list can be filtered by."""

    dags: list[str]
    models: list[str]
    operations: list[str]
    states: list[VideoState]


class Amounts(TypedDict):
    """USD: videos with a settled cost are in `settled` only, others in `estimated`; some have no known cost."""

    videos: int
    estimated: str
    settled: str
    cost_unknown: int


class SpendRow(Amounts):
    """The sum of one day, DAG or model."""

    key: str


class Spend(TypedDict):
    """Sums, in the order of their keys."""

    by: By
    rows: list[SpendRow]
    total: Amounts


class Summary(TypedDict):
    """What is in flight, and what was submitted today (UTC)."""

    in_flight: int
    today: Amounts
