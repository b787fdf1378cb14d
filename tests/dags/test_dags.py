from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture(scope="module")
def dag_bag() -> Any:
    return DagBag(DAGS)


def test_dags_parse_without_import_errors(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {"lemondata_generate_then_upscale", "lemondata_daily_clip"}


def test_dags_retry_every_task_at_least_twice(dag_bag: Any) -> None:
    for dag in dag_bag.dags.values():  # Airflow itself may fail a deferred task when it resumes
        assert all(task.retries >= 2 for task in dag.tasks), dag.dag_id


def test_generate_then_upscale_chains_its_tasks(dag_bag: Any) -> None:
    dag = dag_bag.dags["lemondata_generate_then_upscale"]
    order = ["prompts", "clip.generate", "clip.upscale"]
    for upstream, downstream in pairwise(order):
        assert downstream in dag.get_task(upstream).downstream_task_ids


def test_daily_clip_prompt_and_seed_depend_on_the_day_only(dag_bag: Any) -> None:
    macros = dag_bag.dags["lemondata_daily_clip"].user_defined_macros

    def clip_of(day: str) -> tuple[str, int]:
        run = SimpleNamespace(data_interval_start=pendulum.parse(day), run_after=pendulum.now())
        return macros["prompt_of"](run), macros["seed_of"](run)

    assert clip_of("2026-11-23") == clip_of("2026-11-23T00:00:00Z")
    assert clip_of("2026-11-23")[1] == 20261123
    assert len({clip_of(f"2026-11-{day:02}") for day in range(1, 29)}) == 28


def test_daily_clip_manual_run_uses_its_own_day(dag_bag: Any) -> None:
    macros = dag_bag.dags["lemondata_daily_clip"].user_defined_macros
    run = SimpleNamespace(data_interval_start=None, run_after=pendulum.datetime(2026, 2, 3, 12))
    assert macros["seed_of"](run) == 20260203


def test_dags_have_at_most_seventy_lines() -> None:
    for path in DAGS.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 70, path.name
