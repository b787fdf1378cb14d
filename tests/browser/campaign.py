"""The runs whose videos the tests look at: four clips, one with markup, one that fails, one that nobody knows of."""

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
    clips = airflow.trigger("summer_campaign")
    _end(airflow, failed, "failed")
    _end(airflow, markup, "success")
    assert airflow.wait_for_run("summer_campaign", clips, TIMEOUT) == "success"
    return Campaign(clips, markup, failed, unknown)


def _end(airflow: LocalAirflow, run_id: str, state: str) -> str:
    assert airflow.wait_for_run("single_clip", run_id, TIMEOUT) == state
    return run_id
