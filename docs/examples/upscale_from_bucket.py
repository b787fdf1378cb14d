"""Upscale a video that is in a bucket."""

from airflow.sdk import Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=None,
    default_args={"retries": 2},
    params={"name": Param("harbour", type="string")},
)
def upscale_from_bucket() -> None:
    """Upscale the video, and store the larger one beside it."""
    SubmitVideoOperator(
        task_id="upscale",
        model="topaz-video-upscale",
        operation="video-to-video",
        prompt="Upscale this clip, keep its motion.",
        video_url="s3://aws_default@my-bucket/clips/{{ params.name }}.mp4",
        output_path="s3://aws_default@my-bucket/clips/{{ params.name }}-upscaled.mp4",
    )


upscale_from_bucket()
