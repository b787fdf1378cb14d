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
from decimal import Decimal
from pathlib import Path
from typing import Any

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


RECORD = "lemondata_submit"
"""What the operator stores of a submit: LemonData's id is known here while Airflow waits."""


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
        self._run_dag(f"Running {DAG}, mapped over {len(PROMPTS)} prompts")
        self._show_results()
        self._run_dag("Running it again: its files are there")
        skipped = [result["skipped"] for result in self._results().values()]
        if not all(skipped):
            raise DemoError("The second run paid for a video that was there")
        self.display.step(f"Second run: {len(skipped)} videos skipped, nothing paid")

    def _run_dag(self, title: str) -> None:
        self.run_id, self.tasks = self.airflow.trigger(DAG, {**CONF, "folder": str(self.out)}), {}
        self.display.step(title)
        patience = SANDBOX_SECONDS if self.lemondata.url else REAL_SECONDS
        if self.airflow.wait_for_run(DAG, self.run_id, patience, on_tick=self._show_clips) != "success":
            raise DemoError(self._why_failed())

    def _show_health(self, health: Mapping[str, str]) -> None:
        missing = [name for name, status in health.items() if status != "healthy"] if health else ["api_server"]
        if missing:
            self.display.waiting(f"Starting Airflow: waiting for {', '.join(missing)}")

    def _show_clips(self) -> None:
        self.display.clips(self._clips())

    def _clips(self) -> Sequence[progress.Clip]:
        instances = progress.by_place(self.airflow.task_instances(DAG, self.run_id))
        for place, instance in instances.items():
            if place[0] in progress.TASKS and instance["state"] == "deferred" and place not in self.tasks:
                self.tasks[place] = self.airflow.task_state(DAG, self.run_id, *place)[RECORD]["task_id"]
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

    def _results(self) -> dict[progress.Place, dict[str, Any]]:
        """Fetch what each task returned."""
        places = [(task, index) for index in range(len(PROMPTS)) for task in progress.TASKS]
        return {place: self.airflow.xcom(DAG, self.run_id, *place) for place in places}

    def _show_results(self) -> None:
        costs, results = self.lemondata.costs(), self._results()
        table = Table("clip", "model", "size", "seconds", "USD", box=box.SIMPLE_HEAD)
        sections = []
        for prompt, clip in zip(PROMPTS, self._clips(), strict=True):
            mine = [results[task, clip.number - 1] for task in progress.TASKS]
            generated, upscaled = strips = [_strip(result) for result in mine]
            sections.append(Section(f"{clip.number}  {prompt}", generated, upscaled))
            table.add_row(
                str(clip.number),
                f"{CONF['model']} → {CONF['upscale_model']}",
                " → ".join(_size(strip.video) for strip in strips),
                f"{clip.seconds:.1f}",
                _paid(mine, costs),
            )
        self.display.waiting("Drawing the contact sheet")
        sheet = self.out / "contact-sheet.png"
        draw(sections, sheet)
        self.display.table(table)
        self.display.step(f"Stored {2 * len(sections)} videos in {self.out}, and drew {sheet.name}")


def _strip(result: Mapping[str, Any]) -> Strip:
    path = Path(result["output_path"])
    return Strip(path, f"{result['model']}  {_size(path)}")


def _paid(results: Sequence[Mapping[str, Any]], costs: Mapping[str, Decimal]) -> str:
    """Say what the videos of a clip cost in this run."""
    if all(result["skipped"] for result in results):
        return "skipped, nothing paid"
    paid = [costs[result["task_id"]] for result in results if result["task_id"] in costs]
    return str(sum(paid)) if paid else "see your account"


def _size(video: Path) -> str:
    return "{}x{}".format(*video_size(video))
