"""How far each clip is: worked out from Airflow's task instances and the service's tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

GENERATE, UPSCALE = TASKS = ("clip.generate", "clip.upscale")

Stage = Literal["queued", "generating", "upscaling", "done", "failed"]
Place = tuple[str, int]
"""A task instance of the run: task id and map index."""
Instances = Mapping[Place, Mapping[str, Any]]
"""Task instances as Airflow's API shows them."""

STARTED = frozenset({"running", "deferred", "success", "up_for_retry"})
LOST = frozenset({"failed", "upstream_failed", "removed"})


@dataclass(frozen=True)
class Clip:
    """How far one clip is.

    :param percent: how far the stage is, None where the service does not tell.
    :param note: what is unusual, empty if nothing is.
    """

    number: int
    stage: Stage
    percent: int | None
    seconds: float
    note: str = ""


def by_place(instances: Iterable[Mapping[str, Any]]) -> Instances:
    """Order task instances by task id and map index."""
    return {(one["task_id"], one["map_index"]): one for one in instances}


def clips(count: int, instances: Instances, percents: Mapping[Place, int], now: datetime) -> Sequence[Clip]:
    """Work out where every clip is.

    :param percents: progress of the service's tasks, by the Airflow task that submitted them and its map index.
    """
    return [_clip(index, instances, percents, now) for index in range(count)]


def _clip(index: int, instances: Instances, percents: Mapping[Place, int], now: datetime) -> Clip:
    stage = _stage(index, instances)
    submitter = {"generating": GENERATE, "upscaling": UPSCALE}.get(stage, "")
    percent = 100 if stage == "done" else percents.get((submitter, index))
    retried = [task for task in TASKS if _state(task, index, instances) == "up_for_retry"]
    note = f"Airflow will try {', '.join(retried)} again" if retried else ""
    return Clip(index + 1, stage, percent, _seconds(index, instances, now), note)


def _state(task: str, index: int, instances: Instances) -> str | None:
    state: str | None = instances.get((task, index), {}).get("state")
    return state


def _stage(index: int, instances: Instances) -> Stage:
    states = {task: _state(task, index, instances) for task in TASKS}
    if LOST & set(states.values()):
        return "failed"
    if states[UPSCALE] == "success":
        return "done"
    if states[GENERATE] == "success":
        return "upscaling"
    has_begun = instances.get((GENERATE, index), {}).get("start_date")  # a task that resumes is queued again
    return "generating" if has_begun or states[GENERATE] in STARTED else "queued"


def _seconds(index: int, instances: Instances, now: datetime) -> float:
    start = instances.get((GENERATE, index), {}).get("start_date")
    if not start:
        return 0.0
    end = instances.get((UPSCALE, index), {}).get("end_date")
    return max(0.0, ((_instant(end) if end else now) - _instant(start)).total_seconds())


# datetime.fromisoformat of Python 3.10 knows neither the Z nor fractions of any length.
_instant = TypeAdapter(datetime).validate_python
