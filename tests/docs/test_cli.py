"""The output of commands in docs/cli.md is what they print."""

from __future__ import annotations

import io
from argparse import Namespace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.cli.simple_table import AirflowConsole
from sqlalchemy.orm import Session

from lemondata_provider.cli.videos import spend, tasks
from lemondata_provider.videos.entry import EntryError, EntryState
from tests.videos.database import NOW, Rows, create_tables, sqlite

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text()


@pytest.fixture
def new_session():
    """Airflow's database with three videos."""
    with sqlite() as engine:
        create_tables(engine)
        with Session(engine) as session:
            rows, at = Rows(session), NOW.timestamp()
            veo: dict[str, Any] = {"model": "veo3.1-fast", "created": at, "estimated_cost": "0.60"}
            rows.add("daily/2026-11-20/clip", at=NOW, video_task="ldtask_1", seconds=41.5, settled_cost="0.58", **veo)
            failed = EntryError("The generation failed at LemonData: no such person.")
            rows.add(
                "daily/2026-11-20/portrait",
                "failed",
                NOW + timedelta(seconds=1),
                video_task="ldtask_2",
                state=EntryState.FAILED,
                error=failed,
                **{**veo, "estimated_cost": None},
            )
            rows.add(
                "upscales/2026-11-20/upscale",
                "deferred",
                NOW + timedelta(seconds=2),
                video_task="ldtask_3",
                state=EntryState.SUBMITTED,
                model="topaz-video-upscale",
                created=at,
                estimated_cost="0.40",
            )
            session.commit()
        yield lambda: Session(engine)


def printed(rows: list[dict], output: str) -> str:
    file = io.StringIO()
    console = AirflowConsole(file=file)
    console.print_as(rows, output=output)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip("\n")


def asked(**fields) -> Namespace:
    return Namespace(**{"dag": None, "state": None, "since": None, "until": None, "limit": 100, "by": "day", **fields})


def test_tasks_prints_what_the_page_shows(new_session):
    assert printed(tasks(asked(), new_session), "table") in PAGE


def test_tasks_as_yaml_prints_what_the_page_shows(new_session):
    assert printed(tasks(asked(state="in_flight"), new_session), "yaml") in PAGE


def test_spend_prints_what_the_page_shows(new_session):
    assert printed(spend(asked(by="model"), new_session), "table") in PAGE
