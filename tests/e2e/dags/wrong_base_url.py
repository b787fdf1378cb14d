"""Clips on connections whose Base URL is a whole endpoint, or leads elsewhere."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def wrong_base_url():
    for task_id in ("endpoint", "elsewhere"):
        SubmitVideoOperator(
            task_id=task_id,
            model="sora-2",
            prompt=f"wrong Base URL, {task_id}",
            lemondata_conn_id=f"lemondata_{task_id}",
            wait_for_completion=True,
            poll_interval=1,
        )


wrong_base_url()
