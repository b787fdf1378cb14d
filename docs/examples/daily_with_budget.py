"""A clip a day, safe to backfill."""

from typing import Any

import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag

from lemondata_provider.operators.video import SubmitVideoOperator


def day_of(dag_run: Any) -> pendulum.DateTime:
    """Return the day of a run; a manual run may have no data interval."""
    return pendulum.DateTime.instance(dag_run.data_interval_start or dag_run.run_after)


@dag(
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 2},
    user_defined_macros={"day_of": day_of},
)
def daily_with_budget() -> None:
    """Generate the clip of a day; path, prompt and seed depend on the day only."""
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="A harbour on a {{ day_of(dag_run).format('dddd [in] MMMM') }}, slow pan.",
        seed="{{ day_of(dag_run) | ds_nodash }}",
        duration=4,
        max_cost_usd="0.60",
        pool="lemondata",
        output_path="s3://aws_default@my-bucket/daily/{{ day_of(dag_run) | ds }}.mp4",
    )


daily_with_budget()
