"""
Fill in what is between two pictures: `start-end-to-video`.

The video begins with one picture and ends with the other. Two pictures of one place work best, for example by day and
by night.

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
            "Day turns into night, the camera does not move.",
            type="string",
            description="What happens between the two.",
        ),
        "start_image": Param("https://example.com/day.jpg", type="string", description="The first frame."),
        "end_image": Param("https://example.com/night.jpg", type="string", description="The last frame."),
        "folder": Param(
            "s3://aws_default@my-bucket/start-end-to-video", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_start_end_to_video() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="viduq3-turbo",
        operation="start-end-to-video",
        prompt="{{ params.prompt }}",
        start_image="{{ params.start_image }}",
        end_image="{{ params.end_image }}",
        duration=4,
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_start_end_to_video()
