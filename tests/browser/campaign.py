"""The runs whose videos the tests show: four clips, one with markup, one that fails, one with an unknown outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.local_airflow import LocalAirflow
    from lemondata_provider.sandbox.server import Sandbox

MARKUP = "A <b>bold</b> cat <img src=x onerror=alert(1)> <script>alert(2)</script>"
REASON = "The scene is too dark."
TIMEOUT = 240


@dataclass(frozen=True)
class Campaign:
    """The ids of the runs, by what became of their videos."""

    clips: str
    markup: str
    failed: str
    unknown: str


def run_campaign(airflow: LocalAirflow, sandbox: Sandbox) -> Campaign:
    """Run everything to its end."""
    sandbox.fault("lost_answer")
    unknown = _end(airflow, airflow.trigger("single_clip", conf={"prompt": "Neon rain over a quiet street."}), "failed")
    failed = airflow.trigger("single_clip", conf={"prompt": f"A cellar at night. [fail:{REASON}]"})
    markup = airflow.trigger("single_clip", conf={"prompt": MARKUP})
    _end(airflow, failed, "failed")
    _end(airflow, markup, "success")
    clips = airflow.trigger("summer_campaign")  # last, and so first on the page
    assert airflow.wait_for_run("summer_campaign", clips, TIMEOUT) == "success"
    return Campaign(clips, markup, failed, unknown)


def start_clip(airflow: LocalAirflow, sandbox: Sandbox, prompt: str, seconds: float) -> str:
    """Start a clip whose generation takes that long, and return the id of its run once it is in flight."""
    states: list[str] = []

    def waits_or_ended() -> bool:
        states.append(airflow.task_instances("single_clip", run_id)[0]["state"])
        return states[-1] in ("deferred", "success", "failed")

    before = sandbox.settings.generation_seconds
    sandbox.configure(generation_seconds=seconds)
    try:
        run_id = airflow.trigger("single_clip", conf={"prompt": prompt})
        airflow.wait_until(waits_or_ended, TIMEOUT, "Submitting")
    finally:
        sandbox.configure(generation_seconds=before)
    assert states[-1] == "deferred"
    return run_id


def _end(airflow: LocalAirflow, run_id: str, state: str) -> str:
    assert airflow.wait_for_run("single_clip", run_id, TIMEOUT) == state
    return run_id
