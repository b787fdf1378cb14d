"""Runs inside an Airflow: writes task instances, every fifth with a video, into its database."""

from __future__ import annotations

import os
import random
import sys
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from lemondata_provider.videos.entry import ENTRY_KEY, EntryError, EntryState, VideoEntry
from lemondata_provider.videos.progress import PROGRESS_KEY, Progress

DAGS, TASKS_OF_RUN, SHARE = 50, 10, 5
RARE = "kling-video-o1-pro"
CLIP = "clip.mp4"  # the file of all of them
MODELS = ("veo3.1-fast", "hailuo-2.3-fast", "wan-2.6", RARE)
WEIGHTS = (50, 30, 19, 1)
DAYS = 60
NOW = datetime.now(timezone.utc)

Row = dict[str, Any]


def fill(task_instances: int) -> None:
    """Write so many task instances of 50 DAGs, with everything that they refer to."""
    chance = random.Random(14)  # noqa: S311 # the same rows in every run
    runs = task_instances // TASKS_OF_RUN
    with create_session() as session:

        def insert(model: Any, rows: list[Row]) -> None:
            session.execute(model.__table__.insert(), rows)

        insert(DagBundleModel, [{"name": "bench"}])
        insert(DagModel, [_dag(number) for number in range(DAGS)])
        insert(DagRun, [_run(number, runs) for number in range(runs)])
        ids = dict(session.execute(DagRun.__table__.select().with_only_columns(DagRun.run_id, DagRun.id)).all())
        places = [(_run(run, runs), task) for run in range(runs) for task in range(TASKS_OF_RUN)]
        tasks: list[Row] = []
        xcoms: list[Row] = []
        for number, (run, task) in enumerate(places):
            place = {"dag_id": run["dag_id"], "run_id": run["run_id"], "task_id": f"task_{task}", "map_index": -1}
            at = run["run_after"] + timedelta(seconds=30 * task)
            state, values = _outcome(chance, number, at) if number % SHARE == 0 else ("success", {})
            tasks.append({**place, "id": uuid.uuid4(), "state": state, "try_number": 1, **_OTHERS})
            stored = {**place, "dag_run_id": ids[run["run_id"]], "timestamp": at}
            pairs = {"return_value": {"rows": number}, **values}.items()
            xcoms += [{**stored, "key": key, "value": value} for key, value in pairs]
        insert(TaskInstance, tasks)
        insert(XComModel, xcoms)


_OTHERS = {"pool": "default_pool", "pool_slots": 1, "max_tries": 0, "queue": "default", "unixname": "airflow"}


def _dag(number: int) -> Row:
    limits = {"max_active_tasks": 16, "max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False}
    return {"dag_id": f"dag_{number}", "bundle_name": "bench", "timetable_type": "", **limits}


def _run(number: int, runs: int) -> Row:
    at = NOW - timedelta(days=DAYS) * (1 - number / runs) - timedelta(minutes=10)
    kind = {"run_type": "scheduled", "state": "success", "run_after": at}
    return {"dag_id": f"dag_{number % DAGS}", "run_id": f"scheduled__{number}", **kind}


def _outcome(chance: random.Random, number: int, at: datetime) -> tuple[str, dict[str, Any]]:
    """Return the state of a task instance with a video, and its XComs."""
    created = at.timestamp()
    entry: Row = {
        "video_task": f"ldtask_{number:024x}",
        "poll_url": f"/v1/tasks/ldtask_{number:024x}",
        "conn_id": "lemondata_default",
        "model": chance.choices(MODELS, WEIGHTS)[0],
        "operation": chance.choice(("text-to-video", "image-to-video", "upscale")),
        "prompt": "A paper city unfolds at dawn, warm light, slow push in. " * chance.randint(1, 8),
        "request": {"duration": 4, "aspect_ratio": "16:9", "resolution": "720p"},
        "created": created,
        "estimated_cost": chance.choice(("0.12", "0.60", "1.25")),
    }
    ended: dict[str, Any] = {
        "ended": created + 90,
        "completed": created + 80,
        "seconds": chance.uniform(30, 200),
        "width": 1280,
    }
    kind = chance.random()
    if kind < 0.02:
        progress = Progress("processing", created + 5, 40.0).to_json()
        waiting = VideoEntry(EntryState.SUBMITTED, **entry).to_json()
        return "deferred", {ENTRY_KEY: waiting, PROGRESS_KEY: progress}
    if kind < 0.07:
        error = EntryError("Refused.", "content_policy_violation", "Change the prompt.", "req_1")
        return "failed", {ENTRY_KEY: VideoEntry(EntryState.FAILED, **entry, error=error).to_json()}
    file = f"file://{os.environ['AIRFLOW_HOME']}/{CLIP}"
    done = VideoEntry(EntryState.COMPLETED, **entry, **ended, file=file, settled_cost="0.50" if kind < 0.5 else None)
    return "success", {ENTRY_KEY: done.to_json()}


if __name__ == "__main__":
    fill(int(sys.argv[1]))
