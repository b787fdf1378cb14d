"""How a settled cost is stored beside tasks that write their entries."""

from __future__ import annotations

from decimal import Decimal

import pytest
from airflow.models.xcom import XComModel
from sqlalchemy import update

from lemondata_provider.api.management import UsageRow
from lemondata_provider.videos.entry import ENTRY_KEY, EntryState, VideoEntry
from lemondata_provider.videos.query import Filters, page
from lemondata_provider.videos.settling import charged, open_videos, store_cost
from tests.videos.database import NOW, minutes, written

COST = Decimal("0.58")


def is_open(session):
    return [video for videos in open_videos(session, Filters()).values() for video in videos]


def entries(session):
    return {video.task_instance.task_id: video.entry for video in page(session, Filters()).videos}


def usage(*rows):
    return [UsageRow.read({"billing_transaction_id": name, "cost_decimal": cost}) for name, cost in rows]


def test_open_videos_have_a_charge_and_no_settled_cost(session, rows):
    rows.add("open", conn_id="c", billing_transaction="txn_1", created=NOW.timestamp())
    rows.add("settled", conn_id="c", billing_transaction="txn_2", settled_cost="0")
    rows.add("running", conn_id="c", state=EntryState.SUBMITTED)
    rows.add("edited", stored_value={"state": "completed", "conn_id": "c", "billing_transaction": ["txn"]})
    (video,) = is_open(session)
    assert (video.transaction, video.created, video.written, video.entry.conn_id) == ("txn_1", NOW, NOW, "c")


def test_store_cost_changes_the_cost_of_one_entry_and_nothing_else(session, rows):
    for name in ("clip", "other"):
        rows.add(name, at=minutes(1), conn_id="c", billing_transaction=f"txn_{name}", prompt="a cat")
    rows.add("clip#3", at=minutes(1), conn_id="c", billing_transaction="txn_3")
    before = written(session)
    video = next(video for video in is_open(session) if video.transaction == "txn_clip")
    assert store_cost(session, video, COST)
    assert written(session) == before
    assert {each.entry.billing_transaction: each.entry.settled_cost for each in page(session, Filters()).videos} == {
        "txn_clip": "0.58",
        "txn_other": None,
        "txn_3": None,
    }


@pytest.mark.parametrize(
    "changes", [{"billing_transaction": None}, {"billing_transaction": "txn_2"}, {"settled_cost": "0.01"}]
)
def test_store_cost_entry_that_was_written_in_between_is_left_alone(session, rows, changes):
    rows.add("clip", conn_id="c", billing_transaction="txn_1")
    (video,) = is_open(session)
    new = VideoEntry(EntryState.COMPLETED, **{"conn_id": "c", "billing_transaction": "txn_1", **changes})
    session.execute(update(XComModel).where(XComModel.key == ENTRY_KEY).values(value=new.to_json()))
    assert not store_cost(session, video, COST)
    assert entries(session)["clip"] == new


def test_store_cost_entry_that_was_deleted_in_between_is_not_made(session, rows):
    rows.add("clip", conn_id="c", billing_transaction="txn_1")
    (video,) = is_open(session)
    session.execute(XComModel.__table__.delete())
    assert not store_cost(session, video, COST)
    assert entries(session) == {}


def test_charged_repeated_rows_count_once_and_contradictions_say_nothing():
    found = charged(usage(("a", "0.6"), ("a", "0.60"), ("b", "1"), ("b", "2"), (None, "3"), ("c", None)))
    assert found == {"a": Decimal("0.6")}
