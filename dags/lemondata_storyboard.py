"""
Three scenes in a row: each begins with the last frame of the one before.

`return_last_frame` asks for that frame, by model; if the model sends none, the next scene fails before it is paid.
Tasks of their own store the videos here: a scene that is cleared then polls its task again for a fresh link to its
last frame, at no cost. With `output_path` it would find its file instead, which does not know the frame.

Needs: a key, a bucket or a folder, a model that returns its last frame.
"""

from datetime import timedelta

from airflow.sdk import Param, chain, dag

from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator

SCENES = ["A fox wakes up in the snow.", "The fox runs through a birch forest.", "The fox looks over a frozen lake."]


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "scenes": Param(SCENES, type="array", items={"type": "string"}, minItems=3, maxItems=3),
        "folder": Param(
            "s3://aws_default@my-bucket/stories", type="string", description="Where the videos are stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_storyboard() -> None:
    scenes: list[SubmitVideoOperator] = []
    for number, _ in enumerate(SCENES, start=1):
        frame = f"{{{{ ti.xcom_pull(task_ids='scene_{number - 1}')['last_frame_url'] }}}}"
        scene = SubmitVideoOperator(
            task_id=f"scene_{number}",
            model="seedance-2.0",
            operation="image-to-video" if scenes else "text-to-video",
            prompt=f"{{{{ params.scenes[{number - 1}] }}}}",
            image_url=frame if scenes else None,
            duration=4,
            return_last_frame=True,
            wait_for_completion=True,
        )
        VideoToObjectStorageOperator(
            task_id=f"keep_{number}",
            poll_url=scene.output,
            path=f"{{{{ params.folder }}}}/{{{{ dag_run.run_after | ts_nodash }}}}/{number}.mp4",
        )
        scenes.append(scene)
    chain(*scenes)


lemondata_storyboard()
