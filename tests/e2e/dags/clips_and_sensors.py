"""Thirty clips at once: submit and wait as separate tasks, mapped."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor

CLIPS = 30


@dag(schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}, max_active_tasks=CLIPS)
def clips_and_sensors():
    submit = SubmitVideoOperator.partial(task_id="submit", model="sora-2").expand(
        prompt=[f"clip {number}" for number in range(CLIPS)]
    )
    TaskSensor.partial(task_id="wait").expand(poll_url=submit.output)


clips_and_sensors()
