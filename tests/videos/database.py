"""Airflow's two tables that the page of videos reads, in a database of their own, and rows for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Column, Engine, MetaData, Table, create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from harness.servers import postgres_database
from lemondata_provider.videos.entry import ENTRY_KEY, EntryState, VideoEntry
from lemondata_provider.videos.progress import PROGRESS_KEY, Progress

OTHERS = {
    "pool": "default_pool",
    "pool_slots": 1,
    "max_tries": 0,
    "unixname": "",
    "queue": "default",
}  # may not be NULL
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)


@contextmanager
def sqlite() -> Iterator[Engine]:
    """A database in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    yield engine
    engine.dispose()


@contextmanager
def postgres() -> Iterator[Engine]:
    """
    A database on a server of this machine.

    :raises ServerMissingError: if there is none.
    """
    with postgres_database() as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


def create_tables(engine: Engine) -> None:
    """Create the two tables with the columns that Airflow defines, but without the tables that they refer to."""
    metadata = MetaData()
    for model in (XComModel, TaskInstance):
        table = model.__table__
        Table(table.name, metadata, *(Column(each.name, each.type, primary_key=each.primary_key) for each in table.c))
    metadata.create_all(engine)


class Rows:
    """Writes task instances and their entries."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._runs: dict[tuple[str, str], int] = {}

    def add(self, name: str = "clip", task_state: str | None = "success", at: datetime = NOW, **fields: Any) -> None:
        """
        Add a task instance with an entry that was written at some time.

        :param name: ``dag/run/task#map index``; dag, run and map index may be left out.
        :param fields: of the entry; ``progress`` is its own XCom, ``stored_value`` replaces the entry.
        """
        dag_id, _, rest = name.partition("/") if "/" in name else ("dag", "", f"run/{name}")
        run_id, _, task = rest.rpartition("/")
        task_id, _, index = task.partition("#")
        place = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": int(index or -1)}
        progress, stored = fields.pop("progress", None), fields.pop("stored_value", None)
        entry = {"state": EntryState.COMPLETED, "video_task": f"ldtask_{name}", **fields}
        run = self._runs.setdefault((dag_id, run_id), len(self._runs) + 1)
        self._insert(TaskInstance, **place, **OTHERS, id=uuid.uuid4(), state=task_state, try_number=1)
        xcom = {**place, "dag_run_id": run, "timestamp": at}
        self._insert(XComModel, **xcom, key=ENTRY_KEY, value=stored or VideoEntry(**entry).to_json())
        if isinstance(progress, Progress):
            self._insert(XComModel, **xcom, key=PROGRESS_KEY, value=progress.to_json())
        self._insert(XComModel, **xcom, key="return_value", value={"state": "completed"})

    def _insert(self, model: Any, **values: Any) -> None:
        self.session.execute(model.__table__.insert().values(**values))


def written(session: Session) -> dict[tuple[str, int], datetime]:
    """Return when the entries were written, by task and map index."""
    columns = (XComModel.task_id, XComModel.map_index, XComModel.timestamp)
    rows = session.execute(select(*columns).where(XComModel.key == ENTRY_KEY))
    return {(row.task_id, row.map_index): row.timestamp for row in rows}


def minutes(number: float) -> datetime:
    """Return a time so many minutes after the reference time of these tests."""
    return NOW + timedelta(minutes=number)
