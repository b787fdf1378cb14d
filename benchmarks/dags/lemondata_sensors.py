"""Generate and upscale with this provider: two operators that submit, two sensors that defer."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def lemondata_sensors():
    generate = SubmitVideoOperator(
        task_id="generate", model="sora-2", operation="text-to-video", prompt="A calm sea.", duration=4
    )
    generated = TaskSensor(task_id="wait_generated", poll_url=generate.output, poke_interval=5)
    upscale = SubmitVideoOperator(
        task_id="upscale",
        model="topaz-video-upscale",
        operation="video-to-video",
        prompt="Keep the motion.",
        video_url=generated.output["video_url"],
    )
    TaskSensor(task_id="wait_upscaled", poll_url=upscale.output, poke_interval=5)


lemondata_sensors()
