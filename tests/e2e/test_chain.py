"""The chain that this provider is for, run by a real Airflow with the built wheel."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from harness.local_airflow import LocalAirflow
from lemondata_provider.videos.entry import ENTRY_KEY, EntryState, VideoEntry
from tests.e2e.dags.clips_and_sensors import CLIPS

DURATION = 3


def measure(video: str) -> tuple[int, int, float, float]:
    """Decode a video, given as a path or a link: width, height, seconds, and the seconds of one frame."""
    content = httpx.get(video, timeout=60).raise_for_status().content if "://" in video else Path(video).read_bytes()
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        assert stream.average_rate
        rate = float(stream.average_rate)
        return stream.width, stream.height, frames / rate, 1 / rate


def assert_upscaled(before: dict[str, Any], after: dict[str, Any], seconds: float) -> None:
    width, height, length, frame = measure(before["output_path"] or before["video_url"])
    assert length == pytest.approx(seconds, abs=frame)
    doubled_width, doubled_height, doubled_length, _ = measure(after["output_path"] or after["video_url"])
    assert (doubled_width, doubled_height) == (2 * width, 2 * height)
    assert doubled_length == pytest.approx(length, abs=frame)


def assert_shown(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str, index: int, result: Any) -> None:
    """Compare what the page shows of a task instance with its result."""
    entry = VideoEntry.from_json(airflow.xcom(dag_id, run_id, task_id, index, key=ENTRY_KEY))
    assert entry is not None
    assert (entry.state, entry.video_task) == (EntryState.COMPLETED, result["task_id"])
    assert (entry.file, entry.poster) == (result["output_path"], result["poster_path"])
    assert entry.estimated_cost is not None


def test_generate_then_upscale_two_prompts_doubles_the_size_and_pays_once(airflow, sandbox, tmp_path):
    sandbox.reset()
    dag_id, upscale_models = "lemondata_generate_then_upscale", ("topaz-video-upscale", "grok-imagine-upscale")
    prompts = ["a cat in a garden", "a paper city"]

    def run_both() -> dict[str, str]:
        """Run the chain with both models at the same time, and return the ids of the runs by model."""
        runs = {}
        for model in upscale_models:
            more = {"upscale_model": model, "folder": str(tmp_path / model)}
            runs[model] = airflow.trigger(dag_id, conf={"prompts": prompts, "duration": DURATION, **more})
        for run_id in runs.values():
            assert airflow.wait_for_run(dag_id, run_id, timeout=180) == "success"
        return runs

    for model, run_id in run_both().items():
        for index in (0, 1):
            before = airflow.xcom(dag_id, run_id, "clip.generate", index)
            after = airflow.xcom(dag_id, run_id, "clip.upscale", index)
            assert (before["model"], after["model"]) == ("veo3.1-fast", model)
            assert_upscaled(before, after, DURATION)
            assert_shown(airflow, dag_id, run_id, "clip.generate", index, before)
    paid = len(sandbox.ledger.creates)
    assert paid == 2 * len(prompts) * len(upscale_models)
    for run_id in run_both().values():
        assert airflow.xcom(dag_id, run_id, "clip.upscale", 0)["skipped"]
    assert len(sandbox.ledger.creates) == paid


def test_daily_clip_one_day_is_a_clip_with_two_creates(airflow, sandbox):
    sandbox.reset()
    dag_id = "lemondata_daily_clip"
    run_id = airflow.trigger(dag_id, logical_date=datetime(2026, 3, 14, tzinfo=timezone.utc))
    assert airflow.wait_for_run(dag_id, run_id, timeout=180) == "success"
    day = airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["data_interval_start"][:10]
    seed = int(day.replace("-", ""))
    before, after = (airflow.xcom(dag_id, run_id, task_id) for task_id in ("clip", "upscale"))
    assert_upscaled(before, after, 4)
    creates = {create.id: create.body for create in sandbox.ledger.creates}
    assert creates[before["task_id"]]["seed"] == seed
    assert creates[after["task_id"]]["video_url"] == before["video_url"]
    # The DAG is scheduled too: only the creates of the day asked for are counted.
    clips = [body for body in creates.values() if body.get("seed") == seed]
    upscales = [body for body in creates.values() if body.get("video_url") == before["video_url"]]
    assert (len(clips), len(upscales)) == (1, 1)


def test_mapped_clips_and_sensors_airflow_fails_resumed_tasks_all_succeed(airflow, sandbox, capsys):
    sandbox.reset()
    dag_id = "clips_and_sensors"
    run_id = airflow.trigger(dag_id)
    state = airflow.wait_for_run(dag_id, run_id, timeout=420)
    instances = airflow.task_instances(dag_id, run_id)
    retried = [ti for ti in instances if ti["try_number"] > 1]
    with capsys.disabled():
        print(f"\n{CLIPS} mapped clips: Airflow itself failed {len(retried)} of {len(instances)} on resuming")
    assert state == "success"
    assert {ti["state"] for ti in instances} == {"success"}
    assert len(instances) == 2 * CLIPS
    assert len(sandbox.ledger.creates) == CLIPS
    results = [airflow.xcom(dag_id, run_id, "wait", index) for index in range(CLIPS)]
    assert len({result["video_url"] for result in results}) == CLIPS
