"""Clips whose task process stands between POST and store while the API server goes away."""

from datetime import timedelta

from airflow.sdk import dag
from barriers import StoppingSubmit
from crash_cells import BEFORE_STORE


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def api_server_away():
    for task_id, deferrable in (("deferred", True), ("in_the_worker", False)):
        StoppingSubmit(
            task_id=task_id,
            model="sora-2",
            prompt=f"API server away, {task_id}",
            stop_at=BEFORE_STORE,
            wait_for_completion=True,
            deferrable=deferrable,
            poll_interval=1,
        )


api_server_away()
