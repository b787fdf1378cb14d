"""Wait for each of the tasks in poll_urls.json: the first alone, then a hundred in each of many DAGs."""

import json
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag

from lemondata_provider.sensors.task import TaskSensor

FIRST, *OTHERS = json.loads(Path(__file__).with_name("poll_urls.json").read_text())
SIZE = 100
# The retries are for Airflow itself, which fails some of the tasks that it starts again.
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=5)}


@dag(schedule=None, default_args=RETRIES)
def first():
    TaskSensor(task_id="wait", poll_url=FIRST)


def others(number: int) -> None:
    @dag(f"others_{number:02}", schedule=None, default_args=RETRIES)
    def some():
        TaskSensor.partial(task_id="wait").expand(poll_url=OTHERS[number * SIZE :][:SIZE])

    some()


first()
for each in range(len(OTHERS) // SIZE):
    others(each)
