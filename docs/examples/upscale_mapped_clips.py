"""A second mapped task continues with the files of the first one."""

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(schedule=None, default_args={"retries": 2})
def upscale_mapped_clips() -> None:
    """Generate two clips, and upscale each."""
    clips = SubmitVideoOperator.partial(
        task_id="clip",
        model="veo3.1-fast",
        duration=4,
        output_path="s3://aws_default@my-bucket/pets/",
    ).expand(prompt=["A cat.", "A dog."])
    SubmitVideoOperator.partial(
        task_id="upscale",
        model="topaz-video-upscale",
        output_path="s3://aws_default@my-bucket/pets/",
    ).expand_kwargs(clips.output.map(lambda clip: {"video_url": clip["output_path"]}))


upscale_mapped_clips()
