"""A clip in a folder: the DAG of the quickstart."""

from pathlib import Path

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(schedule=None, is_paused_upon_creation=False, default_args={"retries": 2})
def quickstart() -> None:
    """Generate one clip, and store it in a folder."""
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="A cat walking through a sunlit garden.",
        duration=4,
        max_cost_usd=1,
        output_path=f"{Path.home()}/lemondata-quickstart/clips/cat.mp4",
    )


quickstart()
