"""
The DAGs to copy, run by a real Airflow against the sandbox, with folders of this machine.

So many runs at once are too much for SQLite: its scheduler ends when it finds the database locked.
"""

from __future__ import annotations

import json
import time
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lemondata_provider.sandbox.videos import READY_MADE_CLIP

OPERATIONS = (
    *("image-to-video", "reference-to-video", "start-end-to-video", "video-to-video"),
    *("motion-control", "audio-to-video", "video-extension"),
)
CLIPS = 20  # at once: plain assets would lose some of their events
PAIR = ("lemondata_clips_to_upscale", "lemondata_upscale_each_clip")
DAILY = "lemondata_daily_to_bucket"
BATCH = "lemondata_batch_from_csv"
APPROVE = "lemondata_approve_then_upscale"
REPORT = "lemondata_failure_callback"
ONCE = ("lemondata_fallback_models", "lemondata_storyboard", "lemondata_compare_models", "decorated_clips")
SECONDS = 300


class Gallery:
    """Starts the DAGs with files of this machine, and reads what came of them."""

    def __init__(self, airflow: Any, sandbox: Any, home: Path) -> None:
        self.airflow, self.sandbox, self.home = airflow, sandbox, home
        self.inputs = media(home)
        self.runs: dict[str, str] = {}

    def folder(self, name: str) -> Path:
        return self.home / "videos" / name

    def start(self, dag_id: str, name: str = "", **conf: Any) -> str:
        """Start a run; ``name`` tells runs of one DAG apart."""
        params = self.airflow.api("GET", f"/dags/{dag_id}/details")["params"]
        given = {**self.inputs, "folder": str(self.folder(name or dag_id)), **conf}
        conf = {param: value for param, value in given.items() if param in params}
        self.runs[name or dag_id] = run_id = str(
            self.airflow.api("POST", f"/dags/{dag_id}/dagRuns", conf=conf, logical_date=None)["dag_run_id"]
        )
        return run_id

    def end(self, dag_id: str, name: str = "", state: str = "success") -> str:
        """Wait until a run has ended as expected, and return its id."""
        run_id = self.runs[name or dag_id]
        ended = self.airflow.wait_for_run(dag_id, run_id, timeout=SECONDS)
        tries = [(ti["task_id"], ti["map_index"], ti["state"]) for ti in self.airflow.task_instances(dag_id, run_id)]
        assert ended == state, tries
        return run_id

    def files(self, name: str) -> list[str]:
        return sorted(str(path.relative_to(self.folder(name))) for path in self.folder(name).rglob("*.mp4"))

    def creates(self, **fields: Any) -> list[dict[str, Any]]:
        bodies = [create.body for create in self.sandbox.ledger.creates]
        return [body for body in bodies if fields.items() <= body.items()]


def dag_of(operation: str) -> str:
    """Return the DAG that shows an operation."""
    return f"lemondata_{operation.replace('-', '_')}"


def media(home: Path) -> dict[str, str]:
    """Return a file for each input of the gallery, by the name of its Param."""
    picture, sound = home / "picture.png", home / "sound.wav"
    Image.new("RGB", (320, 180), "orange").save(picture)
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    pictures = dict.fromkeys(("image_url", "character", "outfit", "start_image", "end_image"), str(picture))
    return {**pictures, "video_url": str(READY_MADE_CLIP), "audio_url": str(sound)}


@pytest.fixture(scope="module")
def gallery(airflow: Any, sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """All runs, started together."""
    sandbox.reset()
    sandbox.configure(generation_seconds=4.0)
    shown = Gallery(airflow, sandbox, tmp_path_factory.mktemp("gallery"))
    table = shown.home / "prompts.csv"
    table.write_text('id,prompt\nfox,"A fox, running"\nowl,An owl\n', encoding="utf-8")
    shown.inputs["csv"] = str(table)
    airflow.api("POST", "/pools", name="lemondata", slots=4, include_deferred=True)
    for dag_id in (*PAIR, APPROVE, REPORT, BATCH, DAILY, *ONCE, *map(dag_of, OPERATIONS)):
        airflow.wait_until(lambda dag_id=dag_id: airflow.has_dag(dag_id), 60, f"Parsing {dag_id}")
        airflow.api("PATCH", f"/dags/{dag_id}", is_paused=False)
    shown.start(PAIR[0], prompts=[f"Clip {number}" for number in range(CLIPS)])
    for name in ("approved", "rejected"):
        shown.start(APPROVE, name, prompt=f"To be {name}")
    shown.start(REPORT, "reported", prompt="Reported")
    shown.start(REPORT, "refused", prompt="[fail:too dark]")
    shown.start(ONCE[0], model="veo9-tomorrow", prompt="Fallen back")
    for operation in OPERATIONS:
        shown.start(dag_of(operation), prompt=f"Shown by {operation}")
    for dag_id in (BATCH, *ONCE[1:]):
        shown.start(dag_id)
    yield shown
    for run in airflow.api("GET", "/dags/~/dagRuns", state="running")["dag_runs"]:  # if its test failed, or did not run
        airflow.api("PATCH", f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}", state="failed")
    sandbox.reset()  # other tests have longer videos, and count what is paid


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_dag_reads_its_files_and_stores_one_video(gallery: Gallery, operation: str) -> None:
    dag_id = dag_of(operation)
    gallery.end(dag_id)
    assert len(gallery.files(dag_id)) == 1
    (body,) = gallery.creates(operation=operation, prompt=f"Shown by {operation}")
    media = json.dumps({name: value for name, value in body.items() if name != "prompt"})
    assert "data:" in media
    assert str(gallery.home) not in media


@pytest.mark.parametrize(("name", "option", "upscales"), [("approved", "Approve", 1), ("rejected", "Reject", 0)])
def test_approve_then_upscale_answer_decides_what_is_paid(
    gallery: Gallery, name: str, option: str, upscales: int
) -> None:
    airflow, run_id = gallery.airflow, gallery.runs[name]

    def parked() -> bool:
        return any(ti["state"] == "awaiting_input" for ti in airflow.task_instances(APPROVE, run_id))

    airflow.wait_until(parked, SECONDS, f"Parking of {run_id}")
    time.sleep(5)  # an answer within a second of the parking is lost: Airflow's own
    path = f"/dags/{APPROVE}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    airflow.api("PATCH", path, chosen_options=[option], params_input={})
    gallery.end(APPROVE, name)
    assert airflow.api("GET", path)["response_received"]
    assert len(gallery.files(name)) == 1 + upscales
    states = {ti["task_id"]: ti["state"] for ti in airflow.task_instances(APPROVE, run_id)}
    assert states["upscale"] == ("success" if upscales else "skipped")


def test_failure_callback_reports_the_task_and_the_money(gallery: Gallery) -> None:
    gallery.end(REPORT, "reported")
    assert len(gallery.files("reported")) == 1
    run_id = gallery.end(REPORT, "refused", state="failed")
    log = gallery.airflow.log(REPORT, run_id, "clip", 1)
    (create,) = [create for create in gallery.sandbox.ledger.creates if "too dark" in create.body["prompt"]]
    assert f"task_id: {create.id}" in log
    assert "It charges a finished video, and no generation that failed" in log


def test_fallback_models_missing_model_is_replaced_and_paid_once(gallery: Gallery) -> None:
    dag_id = "lemondata_fallback_models"
    assert gallery.airflow.xcom(dag_id, gallery.end(dag_id), "used").startswith("viduq3-turbo made ")
    assert [body["model"] for body in gallery.creates(prompt="Fallen back")] == ["viduq3-turbo"]


def test_storyboard_each_scene_begins_with_the_last_frame_of_the_one_before(gallery: Gallery) -> None:
    dag_id = "lemondata_storyboard"
    run_id = gallery.end(dag_id)
    assert [Path(name).name for name in gallery.files(dag_id)] == ["1.mp4", "2.mp4", "3.mp4"]
    scenes = [gallery.airflow.xcom(dag_id, run_id, f"scene_{number}") for number in (1, 2, 3)]
    creates = {create.id: create.body for create in gallery.sandbox.ledger.creates}
    for before, after in pairwise(scenes):
        assert before["last_frame_url"].endswith(f"{before['task_id']}.png")
        assert creates[after["task_id"]]["image_url"] == before["last_frame_url"]


def test_compare_models_page_shows_each_model(gallery: Gallery) -> None:
    dag_id = "lemondata_compare_models"
    page = Path(gallery.airflow.xcom(dag_id, gallery.end(dag_id), "page").removeprefix("file://"))
    assert page.parent.parent == gallery.folder(dag_id)
    assert sorted(path.name for path in page.parent.glob("*.mp4")) == sorted(
        f"{model}.mp4" for model in ("veo3.1-fast", "viduq3-turbo", "seedance-2.0-fast")
    )
    assert page.read_text().count("<figure>") == 3


def test_decorated_mapped_task_defers_and_stores_each_clip(gallery: Gallery) -> None:
    gallery.end("decorated_clips")
    assert gallery.files("decorated_clips") == ["clip-0.mp4", "clip-1.mp4"]
    assert len(gallery.creates(prompt="A slow pan over a red kettle.")) == 1


def test_batch_from_csv_run_again_pays_for_new_rows_only(gallery: Gallery) -> None:
    gallery.end(BATCH)
    assert gallery.files(BATCH) == ["fox.mp4", "owl.mp4"]
    with Path(gallery.inputs["csv"]).open("a", encoding="utf-8") as table:
        table.write("elk,An elk\n")
    gallery.start(BATCH)
    gallery.end(BATCH)
    assert gallery.files(BATCH) == ["elk.mp4", "fox.mp4", "owl.mp4"]
    assert [len(gallery.creates(prompt=prompt)) for prompt in ("A fox, running", "An owl", "An elk")] == [1, 1, 1]


def test_pair_upscales_each_of_twenty_clips_once(gallery: Gallery) -> None:
    gallery.end(PAIR[0])

    def upscaled() -> bool:
        return len([name for name in gallery.files(PAIR[0]) if "upscaled" in name]) == CLIPS

    gallery.airflow.wait_until(upscaled, SECONDS, f"{CLIPS} upscales")
    names = gallery.files(PAIR[0])
    clips = [gallery.folder(PAIR[0]) / name for name in names if "upscaled" not in name]
    assert len(clips) == CLIPS
    for clip in clips:
        before, after = (
            json.loads(Path(f"{path}.json").read_text()) for path in (clip, clip.with_name(f"{clip.stem}-upscaled.mp4"))
        )
        assert (after["width"], after["height"]) == (2 * before["width"], 2 * before["height"])
    runs = gallery.airflow.api("GET", f"/dags/{PAIR[1]}/dagRuns")["dag_runs"]
    assert len(runs) == CLIPS


def backfill(gallery: Gallery) -> None:
    """Backfill ten days, and wait until all have their clips."""
    airflow = gallery.airflow
    created = airflow.api(
        "POST",
        "/backfills",
        dag_id=DAILY,
        from_date="2026-02-01T00:00:00Z",
        to_date="2026-02-10T00:00:00Z",
        dag_run_conf={"folder": str(gallery.folder(DAILY)), "place": "A backfilled harbour"},
        reprocess_behavior="completed",
    )
    path = f"/backfills/{created['id']}"
    airflow.wait_until(lambda: airflow.api("GET", path)["completed_at"], SECONDS, "The backfill")
    runs = airflow.api("GET", f"/dags/{DAILY}/dagRuns", run_type="backfill")["dag_runs"]
    assert [run["state"] for run in runs] == ["success"] * 10


def test_daily_to_bucket_backfill_run_twice_submits_nothing_the_second_time(gallery: Gallery) -> None:
    def paid() -> int:
        return sum("A backfilled harbour" in create.body["prompt"] for create in gallery.sandbox.ledger.creates)

    backfill(gallery)
    assert gallery.files(DAILY) == [f"2026-02-{day:02}.mp4" for day in range(1, 11)]
    assert paid() == 10
    backfill(gallery)
    assert paid() == 10
