"""Submits whose answer takes long enough for a person to mark them failed."""

from typing import Any

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator

WAYS: dict[str, Any] = {
    "submit_only": {"wait_for_completion": False},
    "deferred": {"wait_for_completion": True},
    "in_the_worker": {"wait_for_completion": True, "deferrable": False},
}


@dag(schedule=None)
def slow_submit():
    for task_id, way in WAYS.items():
        SubmitVideoOperator(task_id=task_id, model="seedance-2.0", prompt=f"[queued] {task_id}", **way)


slow_submit()
