from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lemondata_provider.videos.spending import By, Charge, PaidFields, read_charges, spending
from tests.videos.database import NOW

PAID = PaidFields("d", NOW, "ldtask_1", "m", "completed", "0.60", None, None, None, None)


def charge(task: str, estimated: str | None = None, settled: str | None = None, **fields: Any) -> Charge:
    fields = {"dag_id": "d", "model": "m", "created": None, "written": NOW, **fields}
    return Charge(task, **fields, estimated=estimated, settled=settled)


def test_spending_keeps_estimates_and_settled_costs_apart():
    result = spending([charge("1", "0.60"), charge("2", "0.60", "0.50"), charge("3"), charge("4", None, "0.1")])
    assert result.to_json() == {
        "by": "day",
        "rows": [{"key": "2026-11-20", "videos": 4, "estimated": "0.60", "settled": "0.60", "cost_unknown": 1}],
        "total": {"videos": 4, "estimated": "0.60", "settled": "0.60", "cost_unknown": 1},
    }


@pytest.mark.parametrize(
    ("by", "keys"),
    [(By.DAY, ["2026-11-19", "2026-11-20"]), (By.DAG, ["a", "b", "c"]), (By.MODEL, ["m", "n"])],
)
def test_spending_by_any_key_adds_up_to_the_total(by, keys):
    charges = [
        charge("1", "0.1", dag_id="b", model="n"),
        charge("2", "0.2", dag_id="a", written=NOW - timedelta(days=1)),
        charge("3", "0.4", "0.3", dag_id="c"),
    ]
    result = spending(charges, by)
    assert list(result.rows) == keys
    assert sum(row.estimated for row in result.rows.values()) == result.total.estimated == Decimal("0.3")
    assert sum(row.videos for row in result.rows.values()) == result.total.videos == 3


def test_spending_counts_a_video_of_two_task_instances_once_for_the_one_that_submitted():
    submitted = charge("1", "0.60", dag_id="submit")
    waited = charge("1", None, "0.50", dag_id="wait", written=NOW + timedelta(days=1))
    for both in ([submitted, waited], [waited, submitted]):
        result = spending(both, By.DAG).to_json()
        (row,) = result["rows"]
        assert (row["key"], row["videos"], row["estimated"], row["settled"]) == ("submit", 1, "0.00", "0.50")


def test_spending_of_a_time_leaves_out_what_was_paid_before_or_then():
    charges = [charge(str(hour), "1", written=NOW + timedelta(hours=hour)) for hour in range(4)]
    result = spending(charges, since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=3))
    assert result.total.videos == 2


def test_spending_of_ten_thousand_prices_is_exact():
    result = spending(charge(str(number), "0.0001") for number in range(10_001))
    assert result.to_json()["total"]["estimated"] == "1.0001"


@pytest.mark.parametrize("cost", ["much", "", "NaN", "Infinity", "-5", "1e999999", "1e-999999", "9" * 40])
def test_spending_with_an_edited_cost_counts_the_video_without_it(cost):
    result = spending([charge("1", cost), charge("2", "0.60", cost)])
    assert result.to_json()["total"] in (
        {"videos": 2, "estimated": "0.60", "settled": "0.00", "cost_unknown": 1},
        {"videos": 2, "estimated": "0.00", "settled": "0.00", "cost_unknown": 0},
    )
    assert spending([charge("2", "0.60")]).total.estimated == Decimal("0.60")


@pytest.mark.parametrize(
    ("fields", "paid"),
    [
        ({}, True),
        ({"state": "submitted"}, True),
        ({"state": "submitted", "estimated_cost": None, "created": "1763600000"}, True),  # the price was unknown
        ({"state": "submitted", "estimated_cost": None}, False),  # a sensor waits
        ({"video_task": None}, False),
        ({"skipped": "true", "estimated_cost": None}, False),  # another task instance paid
        ({"skipped": "1", "estimated_cost": None}, False),
        ({"skipped": "true"}, True),
        ({"skipped": "false", "estimated_cost": None}, True),
        ({"state": "failed"}, True),  # made, and not stored
        ({"state": "failed", "estimated_cost": None}, False),  # the generation failed
        ({"state": "failed", "estimated_cost": None, "settled_cost": "0.1"}, True),
    ],
)
def test_read_charges_takes_what_was_charged_only(fields, paid):
    assert len(list(read_charges(PAID._replace(**fields)))) == paid


@pytest.mark.parametrize("created", [None, "soon", "NaN", "1e300", "-1e300"])
def test_read_charges_without_a_time_takes_that_of_the_row(created):
    (found,) = read_charges(PAID._replace(created=created))
    assert found.at == NOW
