"""Mapped clips whose items come from a file: in another order when the file has changed."""

import json
import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, task
from barriers import StoppingSubmit
from crash_cells import AFTER_STORE


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def moved_items():
    for name, stop_at in (("retried", AFTER_STORE), ("cleared", "")):

        @task(task_id=f"items_{name}")
        def items(name: str) -> list[str]:
            numbers = json.loads((Path(os.environ["AIRFLOW_HOME"]) / "items.json").read_text())
            return [f"{name} {number}" for number in numbers]

        StoppingSubmit.partial(
            task_id=name, model="sora-2", stop_at=stop_at, wait_for_completion=True, deferrable=False, poll_interval=1
        ).expand(prompt=items(name))


moved_items()
