"""Wait for each of many tasks that are submitted already."""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from lemondata_provider.sensors.task import TaskSensor


# The retries are for Airflow itself, which fails some of the tasks that it starts again.
@dag(
    schedule=None,
    params={"poll_urls": Param([], type="array")},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=5)},
    max_active_tasks=100,
)
def two_thousand_waiting():
    @task
    def poll_urls(params: dict) -> list[str]:
        return params["poll_urls"]

    TaskSensor.partial(task_id="wait").expand(poll_url=poll_urls())


two_thousand_waiting()
