"""A picture in a bucket becomes the first frame of a video."""

from airflow.sdk import Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=None,
    default_args={"retries": 2},
    params={"name": Param("kettle", type="string")},
)
def picture_from_bucket() -> None:
    """Animate the picture, and store the video."""
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        operation="image-to-video",
        prompt="Steam rises, slow push in.",
        image_url="s3://aws_default@my-bucket/pictures/{{ params.name }}.png",
        duration=4,
        output_path="s3://aws_default@my-bucket/clips/{{ params.name }}.mp4",
    )


picture_from_bucket()
