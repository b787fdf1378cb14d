"""The events that OpenLineage's own listener writes of real task instances, read back from its file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
DAG = """
import os
from airflow.sdk import dag
from lemondata_provider.operators.video import SubmitVideoOperator

FOLDER = os.environ["AIRFLOW_HOME"]

@dag(schedule=None)
def chain():
    clip = SubmitVideoOperator(
        task_id="clip", model="veo3.1-fast", prompt="a cat", duration=4, output_path=f"{FOLDER}/clip.mp4",
        poll_interval=0.2,
    )
    SubmitVideoOperator(
        task_id="upscale", model="topaz-video-upscale", operation="video-to-video",
        video_url=clip.output["output_path"], output_path=f"{FOLDER}/upscaled.mp4", poll_interval=0.2,
    )
    SubmitVideoOperator(
        task_id="fails", model="veo3.1-fast", prompt="[fail:too dark]", duration=4, output_path=f"{FOLDER}/dark.mp4",
        poll_interval=0.2,
    )

chain()
"""
RUN = """
import sys
from airflow.__main__ import main
for command in (["db", "migrate"], ["dags", "test", "chain"]):
    sys.argv = ["airflow", *command]
    try:
        main()
    except SystemExit:
        pass
"""


@pytest.fixture
def events(sandbox: Any, tmp_path: Path) -> list[dict[str, Any]]:
    """Run the DAG, and return what was written of its tasks."""
    pytest.importorskip("airflow.providers.openlineage")  # optional on a user's machine
    sandbox.configure(generation_seconds=0.5)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "chain.py").write_text(DAG)
    file = tmp_path / "events.jsonl"
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(file), "append": True}),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert file.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return [event for line in file.read_text().splitlines() if "chain." in (event := json.loads(line))["job"]["name"]]


def test_openlineage_events_name_media_and_stored_files_and_nothing_of_a_failure(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    ends = {event["job"]["name"]: event for event in events if event["eventType"] in ("COMPLETE", "FAIL")}
    clip, upscaled = ("file", f"{tmp_path}/clip.mp4"), ("file", f"{tmp_path}/upscaled.mp4")
    assert datasets(ends, "chain.clip") == ("COMPLETE", [], [clip])
    assert datasets(ends, "chain.upscale") == ("COMPLETE", [clip], [upscaled])
    assert datasets(ends, "chain.fails") == ("FAIL", [], [])
    started = [event for event in events if event["eventType"] == "START"]
    assert {event["job"]["name"] for event in started} == set(ends)
    assert not any(event["outputs"] for event in started)
    facet = ends["chain.clip"]["run"]["facets"]["lemondata_video"]
    assert (facet["model"], facet["skipped"]) == ("veo3.1-fast", False)
    assert facet["task_id"].startswith("ldtask_")
    assert "data:video" not in json.dumps(events)


def datasets(ends: dict[str, Any], job: str) -> tuple[str, list[tuple[str, str]], list[tuple[str, str]]]:
    end = ends[job]
    names = ([(one["namespace"], one["name"]) for one in end[side]] for side in ("inputs", "outputs"))
    return (end["eventType"], *names)
