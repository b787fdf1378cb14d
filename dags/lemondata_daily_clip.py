"""
One upscaled clip a day.

Prompt and seed depend on the day only, so a backfill of a day makes that day's clip.

Needs: a key.
"""

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import CronDataIntervalTimetable, Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator

PLACES = ["a harbour", "a mountain pass", "a library", "a night market", "an orchard", "a lighthouse", "a station"]


def day_of(dag_run: Any) -> pendulum.DateTime:
    """Return the day of a run. A manual run may have no data interval; it uses its own day."""
    return pendulum.DateTime.instance(dag_run.data_interval_start or dag_run.run_after)


def prompt_of(dag_run: Any) -> str:
    """Return the prompt of a run's day."""
    day = day_of(dag_run)
    place = PLACES[day.day_of_year % len(PLACES)]
    return f"{place.capitalize()} on a {day.format('dddd')} in {day.format('MMMM')}, slow camera, natural light."


def seed_of(dag_run: Any) -> int:
    """Return the seed of a run's day, for example 20261123."""
    return int(day_of(dag_run).format("YYYYMMDD"))


@dag(
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=10,
    tags=["lemondata", "example"],
    params={"upscale_model": Param("topaz-video-upscale", enum=["topaz-video-upscale", "grok-imagine-upscale"])},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    user_defined_macros={"prompt_of": prompt_of, "seed_of": seed_of},
    doc_md=__doc__,
)
def lemondata_daily_clip() -> None:
    clip = SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        operation="text-to-video",
        prompt="{{ prompt_of(dag_run) }}",
        seed="{{ seed_of(dag_run) }}",
        duration=4,
        aspect_ratio="16:9",
        wait_for_completion=True,
    )
    SubmitVideoOperator(
        task_id="upscale",
        model="{{ params.upscale_model }}",
        operation="video-to-video",
        prompt="Upscale this clip while preserving the original motion.",
        video_url=clip.output["video_url"],
        wait_for_completion=True,
    )


lemondata_daily_clip()
