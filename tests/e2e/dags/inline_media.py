"""Inline media in every place where it may stand, in tasks that succeed, fail and wait."""

import base64
import random

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor


def picture(_: object = None) -> str:
    """Return a data: URL; a macro, so that its payload stands in no template either."""
    return "data:image/png;base64," + base64.b64encode(random.Random(7).randbytes(3000)).decode()  # noqa: S311 # no secret


@dag(schedule=None, default_args={"retries": 0}, user_defined_macros={"picture": picture})
def inline_media():
    literal = SubmitVideoOperator(
        task_id="literal", model="sora-2", prompt="x", image=picture(), wait_for_completion=True
    )
    SubmitVideoOperator(task_id="templated", model="sora-2", prompt="x", image="{{ picture() }}")
    SubmitVideoOperator(task_id="listed", model="veo3.1", prompt="x", reference_images=["{{ picture() }}"])
    SubmitVideoOperator(task_id="nested", model="sora-2", prompt="x", extra_params={"mask": {"image": picture()}})
    SubmitVideoOperator.partial(task_id="mapped", model="veo3.1", image="{{ picture() }}").expand(prompt=["x", "y"])
    SubmitVideoOperator(task_id="in_a_text", model="sora-2", prompt="like {{ picture() }} please")
    SubmitVideoOperator(task_id="refused", model="sora-2", prompt="x", image=picture(), duration="{{ picture() }}")
    SubmitVideoOperator(task_id="unknown_model", model="sora-22", prompt="x", image=picture())
    TaskSensor(task_id="no_url", poll_url="{{ picture() }}")
    waiting = SubmitVideoOperator(
        task_id="waiting", model="sora-2", prompt="[forever]", image=picture(), wait_for_completion=True, timeout=20
    )
    literal >> waiting


inline_media()
