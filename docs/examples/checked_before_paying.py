"""Check catalog, contract and price before the submit."""

from airflow.sdk import dag

from lemondata_provider.catalog import recommend
from lemondata_provider.operators.video import SubmitVideoOperator


@dag(schedule=None, default_args={"retries": 2})
def checked_before_paying() -> None:
    """Submit only what the model accepts today, for 1 USD at most."""
    SubmitVideoOperator(
        task_id="clip",
        model=recommend("fast-iteration"),
        operation="text-to-video",
        prompt="A paper boat in the rain.",
        duration=4,
        check_live=True,
        max_cost_usd="1.00",
        output_path="s3://aws_default@my-bucket/checked/boat.mp4",
    )


checked_before_paying()
