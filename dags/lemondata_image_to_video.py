"""
Let a picture move: `image-to-video`.

The picture is the first frame, and the prompt says what happens. It is a public `https` link, or a file in storage
such as `s3://aws_default@my-bucket/kettle.jpg`. Add `end_image` for the last frame, if the model takes one.

Needs: a key, a bucket or a folder, a picture.
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
            "Steam rises from the kettle, slow push in.", type="string", description="What happens in the picture."
        ),
        "image_url": Param("https://example.com/kettle.jpg", type="string", description="The first frame."),
        "folder": Param(
            "s3://aws_default@my-bucket/image-to-video", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_image_to_video() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        operation="image-to-video",
        prompt="{{ params.prompt }}",
        image_url="{{ params.image_url }}",
        duration=4,
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_image_to_video()
