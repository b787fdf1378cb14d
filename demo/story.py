"""The demo from beginning to end: start everything, run the DAG, show, save, stop everything."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
from rich import box
from rich.console import Console
from rich.table import Table

from demo import progress, service
from demo.contact_sheet import Section, Strip, draw, video_size
from demo.display import Display
from harness import processes
from harness.local_airflow import LocalAirflow

DAGS = Path(__file__).parents[1] / "dags"
DAG = "lemondata_generate_then_upscale"
PROMPTS = (
    "The sun climbs over rolling hills on an early morning, wide shot",
    "Evening light over layered mountains, the sun about to set, calm",
)
CONF: Mapping[str, Any] = {
    "prompts": list(PROMPTS),
    "model": "veo3.1-fast",
    "duration": 4,
    "upscale_model": "topaz-video-upscale",
}
SANDBOX_SECONDS, REAL_SECONDS = 300, 2 * 3600 + 300  # the DAG gives each of two waits an hour


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why in a sentence."""


def tell(home: Path, out: Path) -> None:
    """Run the demo once; whatever it started has ended when this returns or raises."""
    console = Console()
    with _only_one(home):
        processes.end(str(home))  # what a crashed run left would go on writing there
        _empty(home)
        (home / "logs").mkdir()
        out.mkdir(exist_ok=True)
        key = _key_to_spend(console)
        chosen = nullcontext(service.Service(key)) if key else service.sandbox(home)
        with Display(console) as display, chosen as lemondata:
            display.step(f"LemonData: {lemondata.name}")
            airflow = _airflow(home, lemondata)
            try:
                _Run(display, lemondata, airflow, out).perform()
            except BaseException:
                if key:
                    display.step("What was submitted to LemonData goes on there and is charged all the same")
                raise
            finally:
                display.waiting("Stopping Airflow")
                airflow.stop()
        console.print("Everything that was started has ended.")


def _key_to_spend(console: Console) -> str:
    key = os.environ.get(service.KEY, "")
    ask = input if sys.stdin.isatty() and sys.stdout.isatty() else None
    return key if key and service.wants_real(CONF, say=console.print, ask=ask) else ""


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
    # The environment is the only way the key takes: it shows neither in a list of processes nor on the screen.
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
        patience = SANDBOX_SECONDS if self.lemondata.url else REAL_SECONDS
        if self.airflow.wait_for_run(DAG, self.run_id, patience, on_tick=self._show_clips) != "success":
            raise DemoError(self._why_failed())
        self._save()

    def _show_health(self, health: Mapping[str, str]) -> None:
        missing = [name for name, status in health.items() if status != "healthy"] if health else ["api_server"]
        if missing:
            self.display.waiting(f"Starting Airflow: waiting for {', '.join(missing)}")

    def _show_clips(self) -> None:
        self.display.clips(self._clips())

    def _clips(self) -> Sequence[progress.Clip]:
        instances = progress.by_place(self.airflow.task_instances(DAG, self.run_id))
        for place, instance in instances.items():
            if place[0] in progress.SUBMITTERS and instance["state"] == "success" and place not in self.tasks:
                self.tasks[place] = self.airflow.xcom(DAG, self.run_id, *place)["task_id"] or ""
        by_id = self.lemondata.percents()
        percents = {place: by_id[task] for place, task in self.tasks.items() if task in by_id}
        return progress.clips(len(PROMPTS), instances, percents, datetime.now(timezone.utc))

    def _why_failed(self) -> str:
        for one in self.airflow.task_instances(DAG, self.run_id):
            if one["state"] == "failed":
                place = (one["task_id"], one["try_number"], one["map_index"])
                reasons = self.airflow.failures(DAG, self.run_id, *place) or ["its log says why"]
                return f"{one['task_id']}[{one['map_index']}] failed: {reasons[-1]}"
        return "The run failed"

    def _save(self) -> None:
        costs = self.lemondata.costs()
        table = Table("clip", "model", "size", "seconds", "USD", box=box.SIMPLE_HEAD)
        sections = []
        for prompt, clip in zip(PROMPTS, self._clips(), strict=True):
            self.display.waiting(f"Fetching the videos of clip {clip.number}")
            generated = self._fetch(progress.WAIT_GENERATED, clip, f"clip-{clip.number}.mp4")
            upscaled = self._fetch(progress.WAIT_UPSCALED, clip, f"clip-{clip.number}-upscaled.mp4")
            sections.append(Section(f"{clip.number}  {prompt}", generated, upscaled))
            ids = {self.tasks[submitter, clip.number - 1] for submitter in progress.SUBMITTERS}
            paid = [cost for task, cost in costs.items() if task in ids]
            table.add_row(
                str(clip.number),
                f"{CONF['model']} → {CONF['upscale_model']}",
                f"{_size(generated.video)} → {_size(upscaled.video)}",
                f"{clip.seconds:.1f}",
                str(sum(paid)) if paid else "see your account",
            )
        self.display.waiting("Drawing the contact sheet")
        sheet = self.out / "contact-sheet.png"
        draw(sections, sheet)
        self.display.table(table)
        self.display.step(f"Saved {2 * len(sections)} videos and {sheet}")

    def _fetch(self, task: str, clip: progress.Clip, name: str) -> Strip:
        result = self.airflow.xcom(DAG, self.run_id, task, clip.number - 1)
        path = self.out / name
        with (
            httpx.stream(
                "GET", result["video_url"], timeout=60, follow_redirects=True, trust_env=not self.lemondata.url
            ) as response,  # no proxy leads to the sandbox
            path.open("wb") as file,
        ):
            for piece in response.raise_for_status().iter_bytes():
                file.write(piece)
        return Strip(path, f"{result['model']}  {_size(path)}")


def _size(video: Path) -> str:
    return "{}x{}".format(*video_size(video))
