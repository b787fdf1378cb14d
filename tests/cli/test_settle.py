"""What ``airflow lemondata settle`` stores in Airflow's database, with the usage list of the sandbox."""

from __future__ import annotations

from argparse import Namespace

import pytest

from lemondata_provider.cli.settle import settle
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.videos.query import Filters, page
from tests.videos.database import NOW, Rows, minutes, written

CONN_ID = "lemondata_default"


@pytest.fixture
def transaction(managed, context):
    """The charge of a finished video."""
    op = SubmitVideoOperator(
        task_id="clip", model="veo3.1-fast", prompt="x", duration=4, wait_for_completion=True, deferrable=False
    )
    op.poll_interval = 0.05
    return op.execute(context)["billing_transaction_id"]


@pytest.fixture
def add(new_session):
    """Adds a video of the connection."""
    with new_session() as session:
        rows = Rows(session)

        def add_one(name, **fields):
            rows.add(name, **{"conn_id": CONN_ID, "created": NOW.timestamp(), "estimated_cost": "0.70", **fields})
            session.commit()

        yield add_one


def settled(new_session, **fields):
    return settle(Namespace(**{"since": None, "until": None, "conn_id": None, **fields}), new_session)


def stored(new_session):
    with new_session() as session:
        return page(session, Filters()).videos


def times(new_session):
    with new_session() as session:
        return written(session)


def usage_requests(sandbox):
    return sum("/usage" in call.path for call in sandbox.ledger.calls)


def test_settle_stores_what_was_charged_and_keeps_time_and_fields_of_the_entry(managed, transaction, new_session, add):
    add("a/r/clip", billing_transaction=transaction, prompt="a cat")
    before = times(new_session)
    row = {"connection": CONN_ID, "videos_settled": 1, "estimated_usd": "0.70", "settled_usd": "0.60"}
    assert settled(new_session) == [{**row, "still_open": 0, "reason": ""}]
    assert times(new_session) == before
    (after,) = stored(new_session)
    assert (after.entry.settled_cost, after.entry.prompt, after.entry.estimated_cost) == ("0.60", "a cat", "0.70")


def test_settle_twice_asks_once_and_settles_once(managed, transaction, new_session, add):
    add("a/r/clip", billing_transaction=transaction)
    settled(new_session)
    assert settled(new_session) == []
    assert usage_requests(managed) == 1


def test_settle_many_videos_of_a_connection_ask_once_and_charges_that_are_missing_stay_open(
    managed, transaction, new_session, add
):
    add("a/r/clip", billing_transaction=transaction)
    add("a/r/other", billing_transaction="txn_not_yet")
    add("a/r/pending")
    (row,) = settled(new_session)
    assert (row["videos_settled"], row["still_open"], row["estimated_usd"]) == (1, 1, "0.70")
    assert usage_requests(managed) == 1


@pytest.mark.parametrize("period", [{"since": minutes(1)}, {"until": NOW}, {"conn_id": "other"}])
def test_settle_other_period_or_connection_sends_no_request(managed, transaction, new_session, add, period):
    add("a/r/clip", billing_transaction=transaction)
    assert settled(new_session, **period) == []
    assert usage_requests(managed) == 0


def test_settle_connection_without_token_is_reported_and_the_others_are_settled(managed, transaction, new_session, add):
    add("a/r/clip", billing_transaction=transaction)
    add("a/r/other", billing_transaction="txn_2", conn_id="missing")
    done, skipped = settled(new_session)
    assert (done["connection"], done["videos_settled"], done["reason"]) == (CONN_ID, 1, "")
    assert (skipped["connection"], skipped["videos_settled"], skipped["still_open"]) == ("missing", 0, 1)
    assert "is not defined" in skipped["reason"]


def test_settle_no_connection_can_be_asked_exits_with_the_reason(sandbox, new_session, add):
    add("a/r/clip", billing_transaction="txn_1")
    with pytest.raises(SystemExit, match="has no extra management_token"):
        settled(new_session)
