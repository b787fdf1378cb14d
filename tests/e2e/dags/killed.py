"""A clip whose task process is killed after the submit, with and without a durable submit."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


def tell_pid(context: dict) -> None:
    ti = context["ti"]
    (Path(os.environ["AIRFLOW_HOME"]) / f"{ti.task_id}-{ti.try_number}.pid").write_text(str(os.getpid()))


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def killed():
    for name, durable in (("durable", True), ("not_durable", False)):
        SubmitVideoOperator(
            task_id=name,
            prompt=f"a {name} clip",
            wait_for_completion=True,
            deferrable=False,
            durable=durable,
            pre_execute=tell_pid,
        )


killed()
