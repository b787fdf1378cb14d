"""
Let a video go on: `video-extension`.

The model continues where the video ends. To extend a video of an earlier task, take `source_task_id` with LemonData's
id of it.

Needs: a key, a bucket or a folder, a video.
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
            "The train leaves the tunnel and crosses a bridge.", type="string", description="What happens next."
        ),
        "video_url": Param("https://example.com/train.mp4", type="string", description="The video that goes on."),
        "folder": Param(
            "s3://aws_default@my-bucket/video-extension", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_video_extension() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="seedance-2.0-fast",
        operation="video-extension",
        prompt="{{ params.prompt }}",
        video_url="{{ params.video_url }}",
        duration=5,
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_video_extension()
