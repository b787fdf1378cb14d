"""A clip a day in a bucket, checked against the request."""

import pendulum
from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2},
)
def clip_to_bucket() -> None:
    """Generate a clip, and store it under its day."""
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="A small harbour at dawn, slow camera.",
        duration=4,
        output_path="s3://aws_default@my-bucket/clips/{{ dag_run.run_after | ds }}.mp4",
        if_exists="skip",
        expect="request",
        on_mismatch="fail",
    )


clip_to_bucket()
