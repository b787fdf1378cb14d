"""Videos whose download takes longer than Airflow allows the task."""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator

WAYS: dict[str, Any] = {
    "deferred": {},
    "in_the_worker": {"deferrable": False},
    "not_durable": {"durable": False, "deferrable": False},
}


@dag(schedule=None)
def slow_download():
    for task_id, way in WAYS.items():
        SubmitVideoOperator(
            task_id=task_id,
            model="sora-2",
            prompt=f"slow download, {task_id}",
            output_path=f"{os.environ['AIRFLOW_HOME']}/slow_download/{task_id}.mp4",
            poll_interval=1,
            execution_timeout=timedelta(seconds=15),
            retries=3,
            retry_delay=timedelta(seconds=1),
            **way,
        )


slow_download()
