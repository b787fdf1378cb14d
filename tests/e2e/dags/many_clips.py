"""Sixty clips at once, each a task that submits and defers."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator

CLIPS = 60
RETRIES = 2


@dag(schedule=None, default_args={"retries": RETRIES, "retry_delay": timedelta(seconds=1)}, max_active_tasks=CLIPS)
def many_clips():
    SubmitVideoOperator.partial(task_id="clip", model="sora-2", wait_for_completion=True, poll_interval=2).expand(
        prompt=[f"one of many, {number}" for number in range(CLIPS)]
    )


many_clips()
