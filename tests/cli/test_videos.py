"""What the commands ``tasks`` and ``spend`` read from Airflow's database."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta

import pytest

from lemondata_provider.cli import STATES, _printing, videos
from lemondata_provider.cli.videos import spend, tasks
from lemondata_provider.videos.entry import EntryError, EntryState
from lemondata_provider.videos.states import VideoState
from tests.videos.database import NOW, Rows


@pytest.fixture
def rows(new_session):
    with new_session() as session:
        yield Rows(session)
        session.commit()


def listed(rows, new_session, **asked):
    rows.session.commit()
    return tasks(
        Namespace(**{"dag": None, "state": None, "since": None, "until": None, "limit": 100, **asked}), new_session
    )


def summed(rows, new_session, by="day", since=None, until=None):
    rows.session.commit()
    return spend(Namespace(by=by, since=since, until=until), new_session)


def test_tasks_newest_first_with_cost_and_reason(rows, new_session):
    rows.add("a/r1/clip", at=NOW, model="veo3.1-fast", estimated_cost="0.60", created=NOW.timestamp(), seconds=12.5)
    later = NOW + timedelta(minutes=1)
    rows.add("b/r2/clip#3", "failed", later, state=EntryState.FAILED, error=EntryError("Refused by the filter."))
    newest, oldest = listed(rows, new_session)
    assert (newest["dag_id"], newest["map_index"], newest["state"]) == ("b", 3, "failed")
    assert newest["reason"] == "Refused by the filter."
    assert (oldest["usd"], oldest["seconds"], oldest["submitted"]) == ("0.60", "12.5", "2026-11-20T12:00:00.000Z")
    assert oldest["lemondata_task_id"]
    assert newest.keys() == oldest.keys()


def test_tasks_filters_choose_what_is_listed(rows, new_session):
    rows.add("a/r/clip", at=NOW)
    rows.add("b/r/clip", "deferred", NOW, state=EntryState.SUBMITTED)
    assert [row["dag_id"] for row in listed(rows, new_session, dag="a")] == ["a"]
    assert [row["dag_id"] for row in listed(rows, new_session, state="in_flight")] == ["b"]
    assert listed(rows, new_session, since=NOW + timedelta(days=1)) == []
    assert listed(rows, new_session, until=NOW) == []


def test_tasks_limit_is_reached_over_several_pages(rows, new_session):
    for number in range(103):
        rows.add(f"a/r/clip#{number}")
    assert len(listed(rows, new_session, limit=102)) == 102
    assert len(listed(rows, new_session, limit=1000)) == 103


@pytest.mark.parametrize(("by", "keys"), [("day", ["2026-11-20"]), ("dag", ["a", "b"]), ("model", ["m1", "m2"])])
def test_spend_keeps_estimates_and_settled_costs_apart_and_ends_with_the_total(rows, new_session, by, keys):
    rows.add("a/r/clip", model="m1", created=NOW.timestamp(), estimated_cost="0.60")
    rows.add("b/r/clip", model="m2", created=NOW.timestamp(), estimated_cost="0.60", settled_cost="0.55")
    found = summed(rows, new_session, by)
    assert [row[by] for row in found] == [*keys, "total"]
    assert found[-1] == {by: "total", "videos": 2, "estimated_usd": "0.60", "settled_usd": "0.55", "cost_unknown": 0}


def test_spend_nothing_paid_is_a_total_of_nothing(rows, new_session):
    nothing = {"videos": 0, "estimated_usd": "0.00", "settled_usd": "0.00", "cost_unknown": 0}
    assert summed(rows, new_session) == [{"day": "total", **nothing}]


def test_spend_video_without_a_price_is_counted_as_unknown(rows, new_session):
    rows.add("a/r/clip", created=NOW.timestamp(), estimated_cost=None)
    assert summed(rows, new_session)[-1]["cost_unknown"] == 1


def test_states_of_the_command_are_those_of_the_page():
    assert set(STATES) == {state.value for state in VideoState}


REASON = "closing [/b] tag [a] :smile:"


@pytest.mark.parametrize("output", ["table", "plain", "json", "yaml"])
def test_command_prints_rows_whose_texts_look_like_markup(capsys, monkeypatch, output):
    monkeypatch.setattr(videos, "tasks", lambda args: [{"reason": REASON}])
    _printing("videos", "tasks")(Namespace(output=output))
    assert REASON in capsys.readouterr().out
