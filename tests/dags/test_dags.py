from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture(scope="module")
def dag_bag():
    return DagBag(DAGS)


def test_all_dags_can_be_read(dag_bag):
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {"lemondata_generate_then_upscale", "lemondata_daily_clip"}


def test_every_task_is_retried_at_least_twice_because_airflow_itself_may_fail_a_resumed_one(dag_bag):
    for dag in dag_bag.dags.values():
        assert all(task.retries >= 2 for task in dag.tasks), dag.dag_id


def test_generating_and_waiting_are_tasks_of_their_own_and_chained(dag_bag):
    dag = dag_bag.dags["lemondata_generate_then_upscale"]
    order = ["prompts", "clip.generate", "clip.wait_generated", "clip.upscale", "clip.wait_upscaled"]
    for upstream, downstream in pairwise(order):
        assert downstream in dag.get_task(upstream).downstream_task_ids


def test_the_prompt_and_seed_of_a_day_follow_from_the_day_alone(dag_bag):
    macros = dag_bag.dags["lemondata_daily_clip"].user_defined_macros

    def clip_of(day: str) -> tuple[str, int]:
        run = SimpleNamespace(data_interval_start=pendulum.parse(day), run_after=pendulum.now())
        return macros["prompt_of"](run), macros["seed_of"](run)

    assert clip_of("2026-11-23") == clip_of("2026-11-23T00:00:00Z")
    assert clip_of("2026-11-23")[1] == 20261123
    assert len({clip_of(f"2026-11-{day:02}") for day in range(1, 29)}) == 28


def test_a_run_started_by_hand_makes_the_clip_of_its_own_day(dag_bag):
    macros = dag_bag.dags["lemondata_daily_clip"].user_defined_macros
    run = SimpleNamespace(data_interval_start=None, run_after=pendulum.datetime(2026, 2, 3, 12))
    assert macros["seed_of"](run) == 20260203


def test_no_dag_of_ours_is_longer_than_a_reader_likes():
    for path in DAGS.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 70, path.name
