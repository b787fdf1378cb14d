"""
Entries of videos in Airflow's database: with :mod:`~lemondata_provider.videos.settling` all that knows its tables.

Pages sort and limit primary keys, and read values for one page only, since values are what makes sorting slow. Values
are compared as text: a person may have edited an XCom, and a number that is none would fail a whole page.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from statistics import median
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import ColumnElement, Select, and_, func, literal, not_, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from lemondata_provider.api.fields import read_number
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.entry import ENTRY_KEY, EntryState, VideoEntry
from lemondata_provider.videos.progress import PROGRESS_KEY, Progress
from lemondata_provider.videos.spending import Charge, PaidFields, read_charges
from lemondata_provider.videos.states import WAITING, VideoState, video_state

FINISHED = 500  # last videos of all models that are asked for
MAX_CHOICE = 300  # characters of a name to filter by
LARGEST = 2**31 - 1  # in an integer column
LAST = 20  # videos of a model that its typical duration is taken from

NewSession = Callable[[], AbstractContextManager[Session]]
"""Opens Airflow's database."""

_ORDER = (XComModel.timestamp, XComModel.dag_run_id, XComModel.task_id, XComModel.map_index)
_KEY = ("dag_run_id", "task_id", "map_index")


@dataclass(frozen=True)
class StoredVideo:
    """
    The video of a task instance, as it is stored.

    :param task_instance: whose video it is.
    :param try_number: its try.
    :param task_state: its state; ``None`` if it was cleared and is to run again.
    :param entry: what the task instance recorded.
    :param progress: what its trigger recorded last.
    """

    task_instance: TaskInstanceKey
    try_number: int
    task_state: str | None
    entry: VideoEntry
    progress: Progress | None = None

    @property
    def state(self) -> VideoState:
        """Return what a person sees."""
        return video_state(self.entry.state, self.task_state)


@dataclass(frozen=True)
class Filters:
    """
    Which videos; ``None`` leaves nothing out.

    :param permitted: the DAGs that may be read; ``None`` is all.
    :param since: entries that were written then or later.
    :param until: entries that were written before.
    """

    permitted: Collection[str] | None = None
    dag_id: str | None = None
    model: str | None = None
    operation: str | None = None
    state: VideoState | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Some videos, newest first, and the cursor of the next page."""

    videos: list[StoredVideo]
    next: str | None


def find(session: Session, task_instance: TaskInstanceKey) -> StoredVideo | None:
    """Return the video of a task instance, or ``None`` if it has none."""
    conditions = [getattr(XComModel, name) == value for name, value in vars(task_instance).items()]
    rows = _with_values(session, select(*_ORDER).where(XComModel.key == ENTRY_KEY, *conditions))
    return next(_videos(rows), None)


def page(session: Session, filters: Filters, limit: int = 24, after: str | None = None) -> Page:
    """
    Return videos, newest first.

    :param after: the cursor of an earlier page.
    :raises ValueError: for a cursor that no page has given.
    """
    keys = _matching(filters, *_ORDER)
    if after:
        last = zip(_read_cursor(after), _ORDER, strict=True)
        keys = keys.where(tuple_(*_ORDER) < tuple_(*(literal(value, column.type) for value, column in last)))
    rows = _with_values(session, keys.order_by(*(column.desc() for column in _ORDER)).limit(limit + 1))
    return Page([*_videos(rows[:limit])], _cursor(rows[limit - 1]) if len(rows) > limit else None)


def unsettled(session: Session, filters: Filters) -> list[Any]:
    """Return the rows of entries that name a charge and no settled cost: their keys and values."""
    is_open = (_text("billing_transaction").is_not(None), _text("settled_cost").is_(None))
    return [*session.execute(_matching(filters, *_ORDER, XComModel.value).where(*is_open).order_by(*_ORDER))]


def count(session: Session, filters: Filters) -> int:
    """Return how many videos there are."""
    return session.scalar(_matching(filters, func.count())) or 0


def choices(session: Session, filters: Filters) -> dict[str, list[str]]:
    """Return the DAGs, models and operations that there are videos of."""
    rows = session.execute(_matching(filters, XComModel.dag_id, _text("model"), _text("operation")).distinct()).all()
    names = ("dags", "models", "operations")
    return {
        name: sorted({str(row[place])[:MAX_CHOICE] for row in rows if row[place]}) for place, name in enumerate(names)
    }


def typical_seconds(session: Session, filters: Filters, models: Collection[str]) -> dict[str, float]:
    """Return how long the last finished videos of some models took, by model: the median."""
    finished = replace(filters, state=VideoState.COMPLETED)
    rows = session.execute(
        _matching(finished, _text("model"), _text("seconds"))
        .where(_text("model").in_(models), _text("seconds").is_not(None))
        .order_by(XComModel.timestamp.desc())
        .limit(FINISHED)
    )
    durations: defaultdict[str, list[float]] = defaultdict(list)
    for model, text in rows:
        if (seconds := read_number(text)) is not None and len(durations[model]) < LAST:
            durations[model].append(seconds)
    return {model: median(values) for model, values in durations.items() if values}


def charges(session: Session, filters: Filters) -> Iterator[Charge]:
    """Return what was paid for, of entries that were written since then, those of earlier videos included."""
    columns = (XComModel.dag_id, XComModel.timestamp, *map(_text, PaidFields._fields[2:]))
    statement = _matching(replace(filters, until=None), *columns)
    for row in session.connection().execute(statement):  # loading by the session takes a tenth longer
        yield from read_charges(PaidFields._make(row))


def _matching(filters: Filters, *columns: Any) -> Select[Any]:
    statement = select(*columns).select_from(XComModel).where(XComModel.key == ENTRY_KEY, *_conditions(filters))
    if filters.state in (None, VideoState.COMPLETED, VideoState.FAILED):
        return statement
    return statement.join(TaskInstance, _same_task_instance(XComModel))


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.permitted is not None:
        yield XComModel.dag_id.in_(filters.permitted)
    if filters.dag_id:
        yield XComModel.dag_id == filters.dag_id
    yield from (_text(name) == value for name in ("model", "operation") if (value := getattr(filters, name)))
    if filters.since:
        yield XComModel.timestamp >= filters.since
    if filters.until:
        yield XComModel.timestamp < filters.until
    if filters.state:
        yield _in_state(filters.state)


def _in_state(state: VideoState) -> ColumnElement[bool]:
    """Return the condition of a state, as :func:`~lemondata_provider.videos.states.video_state` decides."""
    stored = _text("state")
    submitted = stored == EntryState.SUBMITTED.value
    waits = or_(TaskInstance.state.is_(None), TaskInstance.state.in_(WAITING))
    left = TaskInstance.state == "success"
    if state is VideoState.IN_FLIGHT:
        return and_(submitted, waits)
    if state is VideoState.SUBMITTED:
        return and_(submitted, left)
    if state is VideoState.UNKNOWN:
        return or_(stored == EntryState.UNKNOWN.value, and_(submitted, not_(or_(waits, left))))
    by_value: ColumnElement[bool] = stored == state.value
    return by_value


def _text(name: str) -> ColumnElement[str]:
    """Return a field of the entry as text: a person may have edited it, and a cast would fail the whole page."""
    text: ColumnElement[str] = XComModel.value[name].as_string()
    return text


def _with_values(session: Session, keys: Any) -> Sequence[Any]:
    """Read the values of some primary keys; sorting whole rows is several times slower."""
    found = keys.subquery()
    stored, progress = aliased(XComModel), aliased(XComModel)
    order = [getattr(stored, column.key) for column in _ORDER]
    task_instance = (TaskInstance.state, TaskInstance.try_number)
    return session.execute(
        select(*order, stored.dag_id, stored.run_id, stored.value, progress.value.label("progress"), *task_instance)
        .join(found, and_(*(getattr(stored, name) == found.c[name] for name in _KEY)))
        .join(TaskInstance, _same_task_instance(stored))
        .outerjoin(
            progress,
            and_(progress.key == PROGRESS_KEY, *(getattr(progress, name) == getattr(stored, name) for name in _KEY)),
        )
        .where(stored.key == ENTRY_KEY)
        .order_by(*(column.desc() for column in order))
    ).all()


def _same_task_instance(xcom: Any) -> ColumnElement[bool]:
    return and_(*(getattr(TaskInstance, field.name) == getattr(xcom, field.name) for field in fields(TaskInstanceKey)))


def _videos(rows: Iterable[Any]) -> Iterator[StoredVideo]:
    for row in rows:
        entry = VideoEntry.from_json(row.value)
        if entry is not None:
            progress = Progress.from_json(row.progress)
            yield StoredVideo(TaskInstanceKey.of(row), row.try_number, row.state, entry, progress)


def _cursor(row: Any) -> str:
    values = (row.timestamp.isoformat(), row.dag_run_id, row.task_id, row.map_index)
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, int, str, int]:
    try:
        at, dag_run_id, task_id, map_index = json.loads(base64.urlsafe_b64decode(cursor))
        numbers = [int(number) for number in (dag_run_id, map_index)]
        written = datetime.fromisoformat(at).astimezone(timezone.utc)
        if max(numbers) > LARGEST or min(numbers) < -1 or "\0" in task_id:
            raise ValueError("out of range")
        return written, numbers[0], str(task_id), numbers[1]
    except (ValueError, TypeError, OverflowError):
        raise ValueError("this is no cursor that a page has given") from None
