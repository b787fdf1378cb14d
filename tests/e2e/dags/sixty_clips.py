"""Sixty clips at once: submit and wait as separate tasks, mapped."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor


@dag(schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}, max_active_tasks=60)
def sixty_clips():
    submit = SubmitVideoOperator.partial(task_id="submit", model="sora-2").expand(
        prompt=[f"clip {number}" for number in range(60)]
    )
    TaskSensor.partial(task_id="wait").expand(poll_url=submit.output)


sixty_clips()
