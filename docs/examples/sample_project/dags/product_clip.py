"""Generate a clip for a product, and upscale it; both videos are stored in a folder or a bucket."""

from airflow.sdk import Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=None,
    params={
        "prompt": Param("A slow pan over a blue teapot.", type="string"),
        "duration": Param(4, type="integer", description="Seconds."),
        "folder": Param("s3://aws_default@my-bucket/products", type="string"),
    },
)
def product_clip() -> None:
    clip = SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="{{ params.prompt }}",
        duration="{{ params.duration }}",
        resolution="720p",
        max_cost_usd=1,  # USD
        output_path="{{ params.folder }}/{{ ds }}.mp4",
    )
    SubmitVideoOperator(
        task_id="upscale",
        model="topaz-video-upscale",
        operation="video-to-video",
        prompt="Upscale this clip while preserving the original motion.",
        video_url=clip.output["output_path"],
        output_path="{{ params.folder }}/{{ ds }}-upscaled.mp4",
    )


product_clip()
