"""
Put a character into a scene: `reference-to-video`.

The pictures show what must look the same in the video, for example a face and a coat. They are no frames of it. Most
models take up to three pictures, some up to nine.

Needs: a key, a bucket or a folder, two pictures.
"""

from datetime import timedelta

from airflow.sdk import Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "prompt": Param(
            "The woman in the red coat walks through a night market.", type="string", description="The scene."
        ),
        "character": Param(
            "https://example.com/woman.jpg", type="string", description="A picture of who is in the video."
        ),
        "outfit": Param(
            "https://example.com/coat.jpg", type="string", description="A picture of what is in the video."
        ),
        "folder": Param(
            "s3://aws_default@my-bucket/reference-to-video", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_reference_to_video() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        operation="reference-to-video",
        prompt="{{ params.prompt }}",
        reference_images=["{{ params.character }}", "{{ params.outfit }}"],
        reference_image_type="asset",
        duration=8,
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_reference_to_video()
