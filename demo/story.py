"""The demo from beginning to end: start everything, run the DAG, show, save, stop everything."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from demo import progress, service
from demo.contact_sheet import Section, Strip, draw, video_size
from demo.display import Display
from demo.local_airflow import LocalAirflow

DAGS = Path(__file__).parents[1] / "dags"
DAG = "lemondata_generate_then_upscale"
PROMPTS = (
    "The sun climbs over rolling hills on an early morning, wide shot",
    "Evening light over layered mountains, the sun about to set, calm",
)
CONF: Mapping[str, Any] = {
    "prompts": list(PROMPTS),
    "model": "sora-2",
    "duration": 4,
    "upscale_model": "topaz-video-upscale",
}
RUN_SECONDS = 3600
"""Longer than the DAG gives a task: it is the DAG that gives up, and says why."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why in a sentence."""


def tell(home: Path, out: Path) -> None:
    """Run the demo once; whatever it started has ended when this returns or raises."""
    console = Console()
    with _only_one(home):
        _empty(home)
        (home / "logs").mkdir()
        out.mkdir(exist_ok=True)
        real = service.wants_real(CONF, console.print)
        chosen = nullcontext(service.real()) if real else service.sandbox(home)
        with Display(console) as display, chosen as lemondata:
            display.step(f"LemonData: {lemondata.name}")
            airflow = _airflow(home, lemondata)
            try:
                _Run(display, lemondata, airflow, out).perform()
            finally:
                display.waiting("Stopping Airflow")
                airflow.stop()
        console.print("Everything that was started has ended.")


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it however this process ends
        except BlockingIOError:
            raise DemoError(f"Another demo is running in {home}") from None
        yield


def _empty(home: Path) -> None:
    for path in home.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def _airflow(home: Path, lemondata: service.Service) -> LocalAirflow:
    # The environment is the only way the key takes: nobody sees it in a list of processes or on the screen.
    return LocalAirflow(home=home, dags=DAGS, environment={"AIRFLOW_CONN_LEMONDATA_DEFAULT": lemondata.connection})


@dataclass
class _Run:
    """One run of the DAG, from its start to the files in ``out``."""

    display: Display
    lemondata: service.Service
    airflow: LocalAirflow
    out: Path
    run_id: str = ""
    tasks: dict[progress.Place, str] = field(default_factory=dict)  # LemonData's ids, by who submitted them

    def perform(self) -> None:
        """Start Airflow, run the DAG and save what it made."""
        self.display.waiting("Starting Airflow: making its database")
        self.airflow.start()
        self.airflow.wait_until_healthy(on_tick=self._show_health)
        self.display.step(f"Airflow is healthy: {self.airflow.url} (until the demo ends)")
        self.run_id = self.airflow.trigger(DAG, CONF)
        self.display.step(f"Running {DAG}, mapped over {len(PROMPTS)} prompts")
        if self.airflow.wait_for_run(DAG, self.run_id, RUN_SECONDS, on_tick=self._show_clips) != "success":
            raise DemoError(self._why_failed())
        self._save()

    def _show_health(self, health: Mapping[str, str]) -> None:
        missing = [name for name, status in health.items() if status != "healthy"] if health else ["api_server"]
        self.display.waiting(f"Starting Airflow: waiting for {', '.join(missing) or 'nothing'}")

    def _show_clips(self) -> None:
        self.display.clips(self._clips())

    def _clips(self) -> Sequence[progress.Clip]:
        instances = progress.by_place(self.airflow.task_instances(DAG, self.run_id))
        for place, instance in instances.items():
            if place[0] in progress.SUBMITTERS and instance["state"] == "success" and place not in self.tasks:
                self.tasks[place] = self.airflow.xcom(DAG, self.run_id, *place)["task_id"]
        by_id = self.lemondata.percents()
        percents = {place: by_id[task] for place, task in self.tasks.items() if task in by_id}
        return progress.clips(len(PROMPTS), instances, percents, datetime.now(timezone.utc))

    def _why_failed(self) -> str:
        for one in self.airflow.task_instances(DAG, self.run_id):
            if one["state"] == "failed":
                place = f"{one['task_id']}[{one['map_index']}]"
                log = self.airflow.log(DAG, self.run_id, one["task_id"], one["try_number"], one["map_index"])
                errors = [line for line in log.splitlines() if " error " in line] or log.splitlines()
                return "\n".join([f"The run failed in {place}:", *errors[-3:]])
        return "The run failed"

    def _save(self) -> None:
        clips = self._clips()
        costs = self.lemondata.costs()
        table = Table("clip", "model", "size", "seconds", "USD", title="What was made", title_justify="left")
        sections = []
        for index, (prompt, clip) in enumerate(zip(PROMPTS, clips, strict=True)):
            self.display.waiting(f"Fetching the videos of clip {clip.number}")
            generated = self._fetch(progress.WAIT_GENERATED, index, f"clip-{clip.number}.mp4")
            upscaled = self._fetch(progress.WAIT_UPSCALED, index, f"clip-{clip.number}-upscaled.mp4")
            sections.append(Section(f"{clip.number}  {prompt}", generated, upscaled))
            paid = [costs.get(self.tasks[submitter, index], "?") for submitter in progress.SUBMITTERS]
            table.add_row(
                str(clip.number),
                f"{CONF['model']} → {CONF['upscale_model']}",
                f"{_size(generated.video)} → {_size(upscaled.video)}",
                f"{clip.seconds:.1f}",
                " + ".join(paid),
            )
        self.display.waiting("Drawing the contact sheet")
        draw(sections, self.out / "contact-sheet.png")
        self.display.table(table)
        self.display.step(f"Saved in {self.out}: {', '.join(sorted(path.name for path in self.out.iterdir()))}")

    def _fetch(self, task: str, index: int, name: str) -> Strip:
        result = self.airflow.xcom(DAG, self.run_id, task, index)
        path = self.out / name
        with (
            httpx.stream("GET", result["video_url"], timeout=60, follow_redirects=True) as response,
            path.open("wb") as file,
        ):
            for piece in response.raise_for_status().iter_bytes():
                file.write(piece)
        return Strip(path, f"{result['model']}  {_size(path)}")


def _size(video: Path) -> str:
    return "{} x {}".format(*video_size(video))
