"""Generate and upscale with this provider: two operators that submit, and defer until the video is there."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator

WAIT = {"wait_for_completion": True, "poll_interval": 5}


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def lemondata_waiting():
    generated = SubmitVideoOperator(
        task_id="generate", model="sora-2", operation="text-to-video", prompt="A calm sea.", duration=4, **WAIT
    )
    SubmitVideoOperator(
        task_id="upscale",
        model="topaz-video-upscale",
        operation="video-to-video",
        prompt="Keep the motion.",
        video_url=generated.output["video_url"],
        **WAIT,
    )


lemondata_waiting()
