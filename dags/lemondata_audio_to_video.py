"""
Let a picture speak: `audio-to-video`.

The sound drives the picture's mouth. LemonData's pages document no model for this operation yet. `wan2.2-s2v` makes
video of speech by its name, and the package does not check its operations: ask `airflow lemondata models --live`
first.

Needs: a key, a bucket or a folder, a picture, sound, a model for it.
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
        "prompt": Param("The woman tells a story by the fire.", type="string", description="The scene."),
        "image_url": Param("https://example.com/woman.jpg", type="string", description="Who speaks."),
        "audio_url": Param("https://example.com/story.mp3", type="string", description="What is said."),
        "folder": Param(
            "s3://aws_default@my-bucket/audio-to-video", type="string", description="Where the video is stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_audio_to_video() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="wan2.2-s2v",
        operation="audio-to-video",
        prompt="{{ params.prompt }}",
        image_url="{{ params.image_url }}",
        audio_url="{{ params.audio_url }}",
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_audio_to_video()
