"""Hundreds of clips at once, each a task that submits and defers."""

import os
from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


# Three retries: one for a killed worker, and two for Airflow itself, which fails some of the tasks that resume.
@dag(schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=5)}, max_active_tasks=300)
def many_clips():
    SubmitVideoOperator.partial(task_id="clip", model="sora-2", duration=4, wait_for_completion=True).expand(
        prompt=[f"one of many, {number}" for number in range(int(os.environ["CLIPS"]))]
    )


many_clips()
