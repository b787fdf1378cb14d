"""
One clip a day, straight into a bucket.

Path, prompt and seed depend on the day only. A backfill that runs again finds each day's file, and submits nothing. If
the prompt of a day changes, its task fails before anything is paid, because the file is the video of another request:
take another folder, or `if_exists="overwrite"`.

Needs: a key, a bucket or a folder.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import CronDataIntervalTimetable, Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator


def day_of(dag_run: Any) -> pendulum.DateTime:
    """Return the day of a run. A manual run may have no data interval; it uses its own day."""
    return pendulum.DateTime.instance(dag_run.data_interval_start or dag_run.run_after)


@dag(
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=10,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "place": Param("A small harbour", type="string", description="What the clips show."),
        "folder": Param("s3://aws_default@my-bucket/daily", type="string", description="Where the videos are stored."),
    },
    user_defined_macros={"day_of": day_of},
    doc_md=__doc__,
)
def lemondata_daily_to_bucket() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        operation="text-to-video",
        prompt="{{ params.place }} on a {{ day_of(dag_run).format('dddd [in] MMMM') }}, slow camera.",
        seed="{{ day_of(dag_run) | ds_nodash }}",
        duration=4,
        output_path="{{ params.folder }}/{{ day_of(dag_run) | ds }}.mp4",
    )


lemondata_daily_to_bucket()
