"""What videos cost: sums by day, DAG or model, with estimates and settled costs apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from lemondata_provider.api.fields import read_price, read_time
from lemondata_provider.videos.entry import EntryState, Paid, read_paid

SMALLEST = Decimal("1E-8")  # USD
MAX_LIST = 20_000  # characters of a list of earlier videos
_TRUE = ("1", "true")  # as SQLite and PostgreSQL write it


class Charge(NamedTuple):  # of which there are thousands: a dataclass takes several times longer to make
    """
    A video that was paid for.

    :param created: when, in seconds since 1970, as it is stored: few sums need it as a time.
    :param written: stands in for a time that is not there.
    :param estimated: USD at submit time, as text.
    :param settled: USD that were charged, as text.
    """

    video_task: str
    dag_id: str
    model: str
    created: Any
    written: datetime
    estimated: str | None = None
    settled: str | None = None

    @property
    def at(self) -> datetime:
        """Return when it was paid for."""
        return read_time(self.created) or self.written


class PaidFields(NamedTuple):
    """
    What is read of a task instance's entry to know what it paid for: its fields as text.

    :param written: when the entry was.
    """

    dag_id: str
    written: datetime
    video_task: str | None
    model: str | None
    state: str | None
    estimated_cost: str | None
    settled_cost: str | None
    created: str | None
    skipped: str | None
    earlier: str | None


class By(str, Enum):
    """What sums are made of."""

    DAY = "day"
    DAG = "dag"
    MODEL = "model"


@dataclass
class Sum:
    """How many videos, and what they cost in USD: each is in one of the two sums, or its cost is unknown."""

    videos: int = 0
    estimated: Decimal = Decimal(0)
    settled: Decimal = Decimal(0)
    cost_unknown: int = 0  # of the videos

    def add(self, estimated: str | None, settled: str | None) -> None:
        """Add one more video."""
        self.videos += 1
        if (charged := _amount(settled)) is not None:
            self.settled += charged
        elif (expected := _amount(estimated)) is not None:
            self.estimated += expected
        else:
            self.cost_unknown += 1

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, with at least two decimals of each amount."""
        sums = {"estimated": dollars(self.estimated), "settled": dollars(self.settled)}
        return {"videos": self.videos, **sums, "cost_unknown": self.cost_unknown}


@dataclass(frozen=True)
class Spending:
    """Sums by day, DAG or model, in the order of their keys, and the sum of all."""

    by: By
    rows: Mapping[str, Sum]
    total: Sum

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rows = [{"key": key, **row.to_json()} for key, row in self.rows.items()]
        return {"by": self.by.value, "rows": rows, "total": self.total.to_json()}


_KEYS: dict[By, Callable[[Charge], str]] = {
    By.DAY: lambda charge: charge.at.date().isoformat(),
    By.DAG: lambda charge: charge.dag_id,
    By.MODEL: lambda charge: charge.model,
}


def spending(
    charges: Iterable[Charge], by: By = By.DAY, since: datetime | None = None, until: datetime | None = None
) -> Spending:
    """
    Add up what was paid.

    :param charges: any number for one video, since several task instances may have recorded it.
    :param by: what the sums are made of; days are those of UTC.
    :param since: leaves out what was paid before.
    :param until: leaves out what was paid then or later.
    """
    videos: dict[str, Charge] = {}
    for charge in charges:
        known = videos.get(charge.video_task)
        videos[charge.video_task] = charge if known is None else _merged(known, charge)
    rows: defaultdict[str, Sum] = defaultdict(Sum)
    key_of = _KEYS[by]
    for charge in videos.values():
        if (since is None or charge.at >= since) and (until is None or charge.at < until):
            rows[key_of(charge)].add(charge.estimated, charge.settled)
    return Spending(by, dict(sorted(rows.items())), _total(rows.values()))


def _total(rows: Iterable[Sum]) -> Sum:
    total = Sum()
    for row in rows:
        total.videos += row.videos
        total.estimated += row.estimated
        total.settled += row.settled
        total.cost_unknown += row.cost_unknown
    return total


def read_charges(row: PaidFields) -> Iterator[Charge]:
    """Return what a task instance paid for, by its entry."""
    model = row.model or ""
    if row.video_task and not _is_free(row):
        yield Charge(row.video_task, row.dag_id, model, row.created, row.written, row.estimated_cost, row.settled_cost)
    for paid in _earlier(row.earlier) if row.earlier else ():
        yield Charge(paid.video_task, row.dag_id, model, paid.at, row.written, paid.cost)


def _earlier(text: str) -> tuple[Paid, ...]:
    """Read a list that was asked for as text, since few entries have one and reading JSON takes time."""
    try:
        return read_paid(json.loads(text)) if len(text) <= MAX_LIST else ()
    except (TypeError, ValueError, RecursionError):  # a person put something else in its place, such as a number
        return ()


def _is_free(row: PaidFields) -> bool:
    """
    Return whether nothing is known to be charged here.

    The file of another task instance was there, or the generation failed, or a sensor waits: it knows neither cost nor
    time of what another task instance submitted.
    """
    if row.estimated_cost or row.settled_cost:
        return False
    waits = row.state == EntryState.SUBMITTED.value and row.created is None
    return waits or row.skipped in _TRUE or row.state == EntryState.FAILED.value


def _merged(one: Charge, other: Charge) -> Charge:
    """Return what two task instances know of one video; it is the one's that knows an estimate, since it submitted."""
    payer, second = (other, one) if other.estimated and not one.estimated else (one, other)
    return payer._replace(estimated=payer.estimated or second.estimated, settled=payer.settled or second.settled)


@lru_cache(maxsize=1000)  # prices are few, videos are many
def _amount(text: str | None) -> Decimal | None:
    price = read_price(text)
    return None if price is None else price.quantize(SMALLEST)


def dollars(amount: Decimal) -> str:
    """Return an amount with two decimals, and up to eight if it has more."""
    amount, rounded = amount.quantize(SMALLEST), amount.quantize(Decimal("0.01"))
    return f"{rounded if rounded == amount else amount.normalize():f}"
