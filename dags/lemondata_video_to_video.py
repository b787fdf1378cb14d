"""
Change the look of a video: `video-to-video`.

The motion stays, and the prompt says what becomes different. The same operation upscales with an upscaler as the
model. The new video is as long as its source, so its price is known after the fact only.

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
        "prompt": Param("The same scene as a watercolour painting.", type="string", description="The new look."),
        "video_url": Param("https://example.com/street.mp4", type="string", description="The source video."),
        "folder": Param(
            "s3://aws_default@my-bucket/video-to-video", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_video_to_video() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="grok-imagine-video",
        operation="video-to-video",
        prompt="{{ params.prompt }}",
        video_url="{{ params.video_url }}",
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_video_to_video()
