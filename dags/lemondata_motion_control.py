"""
Let a character move as another one does: `motion-control`.

The picture shows the character, and the video has the motion, for example a dance. Both need one person, seen whole.

Needs: a key, a bucket or a folder, a picture, a video.
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
        "prompt": Param("The robot dances on an empty stage.", type="string", description="Character and scene."),
        "image_url": Param("https://example.com/robot.jpg", type="string", description="A picture of the character."),
        "video_url": Param("https://example.com/dance.mp4", type="string", description="The motion."),
        "folder": Param(
            "s3://aws_default@my-bucket/motion-control", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_motion_control() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="kling-2.6-motion-control",
        operation="motion-control",
        prompt="{{ params.prompt }}",
        image_url="{{ params.image_url }}",
        video_url="{{ params.video_url }}",
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_motion_control()
