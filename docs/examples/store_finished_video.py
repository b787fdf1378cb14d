"""Store the video of a task that was submitted elsewhere or earlier."""

from airflow.sdk import Param, dag

from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator


@dag(
    schedule=None,
    default_args={"retries": 2},
    params={"poll_url": Param("/v1/tasks/ldtask_…", type="string")},
)
def store_finished_video() -> None:
    """Wait for the task, and store its video."""
    wait = TaskSensor(task_id="wait", poll_url="{{ params.poll_url }}")
    VideoToObjectStorageOperator(
        task_id="store",
        poll_url=wait.output,
        path="s3://aws_default@my-bucket/found/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


store_finished_video()
