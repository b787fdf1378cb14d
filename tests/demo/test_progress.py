"""Where a clip is follows from Airflow's task instances and the service's progress."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from demo.progress import GENERATE, TASKS, UPSCALE, Clip, Stage, by_place, clips

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=timezone.utc)
PERCENTS = {(GENERATE, 0): 40, (UPSCALE, 0): 70}


def clip(*states: str | None, **fields: Any) -> Clip:
    """The clip whose tasks are in these states, in the order of the DAG."""
    instances = [
        {"task_id": task, "map_index": 0, "state": state, "start_date": None, "end_date": None, **fields}
        for task, state in zip(TASKS, states, strict=False)
    ]
    return clips(1, by_place(instances), PERCENTS, NOW)[0]


@pytest.mark.parametrize(
    ("states", "stage", "percent"),
    [
        ((), "queued", None),
        (("scheduled",), "queued", None),
        (("running",), "generating", 40),
        (("deferred",), "generating", 40),
        (("success", None), "upscaling", 70),
        (("success", "deferred"), "upscaling", 70),
        (("success", "success"), "done", 100),
        (("failed", "upstream_failed"), "failed", None),
        (("success", "failed"), "failed", None),
    ],
)
def test_clips_task_states_set_stage_and_percent(
    states: tuple[str | None, ...], stage: Stage, percent: int | None
) -> None:
    assert (clip(*states).stage, clip(*states).percent) == (stage, percent)


def test_clips_task_that_resumes_is_generating_still() -> None:
    assert clip("queued", start_date="2026-01-01T12:00:00Z").stage == "generating"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 0),
        ({"start_date": "2026-01-01T12:00:00Z"}, 30),
        ({"start_date": "2026-01-01T12:00:00.5Z", "end_date": "2026-01-01T12:00:20+00:00"}, 19.5),
    ],
)
def test_clips_start_and_end_dates_set_seconds(fields: Mapping[str, str], seconds: float) -> None:
    assert clip("success", "success", **fields).seconds == seconds


def test_note_up_for_retry_names_the_task() -> None:
    assert clip("success", "up_for_retry").note == "Airflow will try clip.upscale again"


def test_percent_service_without_progress_is_none() -> None:
    assert clips(1, by_place([{"task_id": GENERATE, "map_index": 0, "state": "running"}]), {}, NOW)[0].percent is None


def test_clips_map_index_sets_the_place() -> None:
    instances = [{"task_id": GENERATE, "map_index": 1, "state": "running"}]
    assert [(one.number, one.stage) for one in clips(2, by_place(instances), {}, NOW)] == [
        (1, "queued"),
        (2, "generating"),
    ]
