"""Submits that go wrong in a way that the test asks the sandbox for: see tests/e2e/test_repair.py."""

from datetime import timedelta

from airflow.sdk import DAG

from lemondata_provider.operators.video import SubmitVideoOperator

RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=1)}

with DAG("repairs", schedule=None, default_args=RETRIES):
    SubmitVideoOperator(task_id="adopted", model="sora-2", prompt="adopted", wait_for_completion=True, poll_interval=1)
    SubmitVideoOperator.partial(task_id="forgotten", model="sora-2", wait_for_completion=True, poll_interval=1).expand(
        prompt=["forgotten"]
    )

with DAG("refusals", schedule=None, default_args=RETRIES):
    SubmitVideoOperator(task_id="plain", model="sora-2", prompt="plain")
    SubmitVideoOperator.partial(task_id="mapped", model="sora-2").expand(prompt=["mapped"])
