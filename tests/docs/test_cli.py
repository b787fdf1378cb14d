"""docs/reference/cli.md has each command, with the output that it prints."""

from __future__ import annotations

import io
import re
from argparse import Namespace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.cli.simple_table import AirflowConsole
from rich.console import Console
from sqlalchemy.orm import Session

from lemondata_provider.api.management import UsageRow
from lemondata_provider.api.polling import PollResult, TaskPoller
from lemondata_provider.api.task import Task, TaskStatus, Video
from lemondata_provider.cli import get_commands
from lemondata_provider.cli.costs import balance
from lemondata_provider.cli.settle import settle
from lemondata_provider.cli.videos import spend, tasks
from lemondata_provider.cli.watch import watch
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.videos.entry import EntryError, EntryState
from tests.videos.database import NOW, Rows, create_tables, sqlite

PAGE = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text()


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


class ManagedHook:
    """A hook whose usage list has one of two charges."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def get_usage(self, since: datetime, until: datetime | None = None) -> list[UsageRow]:
        return [UsageRow.read({"billing_transaction_id": "txn_1", "cost_decimal": "0.58"})]


def test_settle_prints_what_the_page_shows():
    with sqlite() as engine:
        create_tables(engine)
        with Session(engine) as session:
            for name in ("1", "2"):
                charge: dict[str, Any] = {"billing_transaction": f"txn_{name}", "estimated_cost": "0.60"}
                Rows(session).add(f"daily/2026-11-20/clip#{name}", conn_id="lemondata_default", **charge)
            session.commit()
        hook: Any = ManagedHook
        rows = settle(asked(conn_id=None), lambda: Session(engine), hook)
    assert printed(rows, "table") in PAGE


class WatchedHook:
    """A hook that polls a task until it is completed."""

    def __init__(self, conn_id: str) -> None:
        task = Task(id="ldtask_1", poll_url="/v1/tasks/ldtask_1", created=NOW, updated=NOW + timedelta(seconds=41.5))
        video = Video(url="https://files.example/ldtask_1.mp4")
        self.tasks = iter(
            task.model_copy(update=update)
            for update in (
                {"status": TaskStatus.PENDING, "progress": 0.0},
                {"status": TaskStatus.PROCESSING, "progress": 40.0},
                {"status": TaskStatus.COMPLETED, "progress": 100.0, "videos": (video,)},
            )
        )

    def poll(self, poller: TaskPoller) -> PollResult:
        return poller.on_task(next(self.tasks), NOW.timestamp())


def test_watch_prints_what_the_page_shows():
    shown = io.StringIO()
    args = Namespace(task="ldtask_1", conn_id="lemondata_default", poll_interval=5.0)
    hook: Any = WatchedHook
    answer = watch(args, sleep=lambda _: None, console=Console(file=shown), new_hook=hook)
    assert f"$ airflow lemondata watch ldtask_1\n{shown.getvalue()}{answer}\n" in PAGE


def test_balance_prints_what_the_page_shows(managed, context):
    SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="a cat", duration=4).execute(context)
    assert f"$ airflow lemondata balance\n{balance(asked(conn_id='lemondata_default'))}\n" in PAGE


def test_page_has_a_section_with_the_options_of_each_command():
    group: Any = get_commands()[0]
    names = [command.name for command in group.subcommands]
    assert sorted(re.findall(r"^## (\w+)\n\n```{generated} options \1\n", PAGE, re.MULTILINE)) == sorted(names)
