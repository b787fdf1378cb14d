"""Settled costs of videos in Airflow's database: which entries lack one, and how it is stored beside running tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from airflow.models.xcom import XComModel
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from lemondata_provider.api.fields import read_time
from lemondata_provider.api.management import UsageRow
from lemondata_provider.api.prices import plain
from lemondata_provider.videos.entry import ENTRY_KEY, VideoEntry
from lemondata_provider.videos.query import Filters, NewSession, unsettled


@dataclass(frozen=True)
class OpenVideo:
    """
    A video that LemonData charged for, and whose entry has no settled cost.

    :param key: the primary key of the entry: DAG run, task and map index.
    :param transaction: LemonData's id of the charge.
    :param written: when the entry was.
    :param entry: what the task instance recorded.
    """

    key: tuple[int, str, int]
    transaction: str
    written: datetime
    entry: VideoEntry

    @property
    def created(self) -> datetime | None:
        """Return when it was submitted, if that is a time."""
        return read_time(self.entry.created)


def open_videos(session: Session, filters: Filters) -> dict[str, list[OpenVideo]]:
    """Return the videos that lack a settled cost, by connection."""
    found: defaultdict[str, list[OpenVideo]] = defaultdict(list)
    for row in unsettled(session, filters):
        entry = VideoEntry.from_json(row.value)
        if entry and entry.conn_id and entry.billing_transaction:
            key = (row.dag_run_id, row.task_id, row.map_index)
            found[entry.conn_id].append(OpenVideo(key, entry.billing_transaction, row.timestamp, entry))
    return dict(sorted(found.items()))


def charged(usage: Iterable[UsageRow]) -> dict[str, Decimal]:
    """Return the cost of each charge. Rows that contradict each other say none; pages may repeat a row."""
    costs: defaultdict[str, set[Decimal]] = defaultdict(set)
    for row in usage:
        if row.billing_transaction_id and row.cost_usd is not None:
            costs[row.billing_transaction_id].add(row.cost_usd)
    return {transaction: min(amounts) for transaction, amounts in costs.items() if len(amounts) == 1}


def store_costs(
    videos: Iterable[OpenVideo], costs: Mapping[str, Decimal], new_session: NewSession
) -> list[tuple[OpenVideo, Decimal]]:
    """
    Store settled costs, each in a transaction of its own, and return which videos have one now.

    :param videos: videos without one.
    :param costs: the cost of each charge.
    :param new_session: opens Airflow's database.
    """
    settled = []
    for video in videos:
        if (cost := costs.get(video.transaction)) is not None:
            with new_session() as session:
                is_stored = store_cost(session, video, cost)
                session.commit()
            settled += [(video, cost)] if is_stored else []
    return settled


def store_cost(session: Session, video: OpenVideo, cost: Decimal) -> bool:
    """
    Store the settled cost of a video, if its entry still names the same charge.

    Only the value changes: pages sort by the time of the entry. A task that writes its entry replaces the row, and with
    it the time: then nothing is stored.
    """
    run, task_id, map_index = video.key
    row = (
        XComModel.dag_run_id == run,
        XComModel.task_id == task_id,
        XComModel.map_index == map_index,
        XComModel.key == ENTRY_KEY,
    )
    stored = session.execute(select(XComModel.value, XComModel.timestamp).where(*row).with_for_update()).one_or_none()
    entry = VideoEntry.from_json(stored.value) if stored else None
    if not stored or not entry or entry.settled_cost or entry.billing_transaction != video.transaction:
        return False
    value = replace(entry, settled_cost=plain(cost)).to_json()
    changes = update(XComModel).where(*row, XComModel.timestamp == stored.timestamp).values(value=value)
    done = session.connection().execute(changes)
    return done.rowcount == 1
