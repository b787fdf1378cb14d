"""A hundred clips at once, each a task that submits and defers."""

from datetime import timedelta

from airflow.sdk import dag
from crash_cells import RETRIES

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(schedule=None, default_args={"retries": RETRIES, "retry_delay": timedelta(seconds=1)}, max_active_tasks=100)
def hundred_clips():
    SubmitVideoOperator.partial(task_id="clip", model="sora-2", wait_for_completion=True, poll_interval=2).expand(
        prompt=[f"one of a hundred, {number}" for number in range(100)]
    )


hundred_clips()
