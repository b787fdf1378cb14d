"""The real ``airflow`` command, of the Airflow that runs these tests, against the sandbox."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.catalog import load
from lemondata_provider.sandbox.models import inventory
from tests.docs.markdown import blocks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# What a user does by `airflow db migrate` and by running one day of the DAG, in one process: each takes seconds.
PREPARED = """
import sys
sys.argv = ["airflow", "db", "migrate"]
from airflow.__main__ import main
main()
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
import pendulum
day = pendulum.datetime(2026, 2, 3, tz="UTC")
facts = {"logical_date": day, "run_after": day.add(days=1), "data_interval": (day, day.add(days=1))}
with create_session() as session:
    session.add(DagRun(dag_id="planned", run_id="scheduled__1", run_type="scheduled", state="success", **facts))
"""
DAG = """
import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag, task
from lemondata_provider.operators.video import SubmitVideoOperator

print("printed while the file is read")
YEAR = pendulum.datetime(2026, 1, 1, tz="UTC")

@dag(schedule=CronDataIntervalTimetable("@daily", timezone="UTC"), start_date=YEAR, catchup=False)
def planned():
    @task
    def prompts():
        return ["a", "b"]

    clip = SubmitVideoOperator(task_id="clip", model="sora-2", prompt="x", duration=4, wait_for_completion=True)
    SubmitVideoOperator(task_id="upscale", model="topaz-video-upscale", video_url=clip.output["video_url"])
    SubmitVideoOperator.partial(task_id="mapped", model="kling-v2.6-pro").expand(prompt=["a", "b", "c"])
    SubmitVideoOperator.partial(task_id="later", model="sora-2", duration=4).expand(prompt=prompts())

planned()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "planned.py").write_text(DAG)
    return tmp_path


def run(home: Path, *command: str, **more: str) -> str:
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags")}
    answer = subprocess.run(command, env={**os.environ, **own, **more}, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr + answer.stdout
    return answer.stdout


def lemondata(home: Path, *arguments: str) -> str:
    return run(home, str(Path(sys.executable).parent / "airflow"), "lemondata", *arguments)


def columns(printed: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in printed.splitlines() if "|" in line]
    return {first: others for first, *others in rows}


def test_models_command_without_connection_and_database_prints_a_table(home, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", raising=False)
    listed = columns(lemondata(home, "models", "--operation", "video-to-video"))
    assert next(iter(listed)) == "model"
    assert set(listed) - {"model"} == {model.id for model in load().models if "video-to-video" in model.operations}
    assert listed["topaz-video-upscale"][:2] == ["Other", "video-to-video"]


def test_models_command_live_diff_output_writes_a_catalog_file(home, sandbox):
    path = home / "inventory.json"
    printed = lemondata(home, "models", "--live", "--diff", "--output", str(path))
    unknown = {model.id for model in load().models if not model.operations}
    assert {line.split()[1].rstrip(":") for line in printed.splitlines()} >= unknown
    assert {model.id for model in load(str(path)).models} == {*inventory()}
    assert sandbox.ledger.requests() == sandbox.ledger.requests("models") == 1


def test_plan_command_date_range_counts_submits_and_submits_nothing(home, sandbox):
    run(home, sys.executable, "-c", PREPARED)
    printed = lemondata(home, "plan", "planned", "--from", "2026-02-01", "--to", "2026-02-07")
    assert "A backfill of planned would create 6 runs (left out: 1 that is there already)." in printed
    found: dict[str, Any] = columns(printed)
    assert found["clip"][:3] == ["sora-2", "6", "2.40"]
    assert found["upscale"][:3] == ["topaz-video-upscale", "6", "unknown"]
    assert found["mapped"][:3] == ["kling-v2.6-pro", "18", "7.20"]
    assert found["later"][:3] == ["sora-2", "unknown", "unknown"]
    assert "30 videos, 9.60 USD and what is unknown." in printed
    assert "printed while" not in printed
    assert sandbox.ledger.requests("create") == 0
    assert not sandbox.ledger.creates


def test_plan_command_documented_example_prints_what_the_page_shows(home, sandbox):
    shutil.copy(ROOT / "dags" / "lemondata_daily_clip.py", home / "dags")
    prepared = PREPARED.replace('"planned"', '"lemondata_daily_clip"').replace("2026, 2, 3", "2026, 11, 3")
    run(home, sys.executable, "-c", prepared)
    (block,) = [block for block in blocks("docs/reference/cli.md", "console") if "lemondata plan" in block]
    command, _, output = block.partition("\n")
    assert lemondata(home, *shlex.split(command)[3:]).strip() == output.strip()
    assert sandbox.ledger.requests("create") == 0


MANUAL = """
from airflow.sdk import DAG
from lemondata_provider.operators.video import SubmitVideoOperator
with DAG("manual", schedule=None):
    SubmitVideoOperator.partial(task_id="clips", model="sora-2", duration=4, max_cost_usd=0.5).expand(prompt=["x", "y"])
"""


def test_plan_command_dag_without_a_schedule_is_the_plan_of_one_run(home, sandbox):
    (home / "dags" / "manual.py").write_text(MANUAL)
    run(home, sys.executable, "-c", PREPARED)
    printed = lemondata(home, "plan", "manual")
    assert "manual has no schedule that a backfill could follow. One run of it would submit:" in printed
    assert columns(printed)["clips"][:3] == ["sora-2", "2", "0.80"]


def test_models_command_help_shows_the_section_of_the_setting(home):
    assert "that [lemondata] catalog_path takes" in " ".join(lemondata(home, "models", "--help").split())
