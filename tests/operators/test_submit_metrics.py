"""What Airflow's statistics get of a submit: once for each that LemonData may have charged, and never at its cost."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.hooks.metrics import Metrics
from lemondata_provider.operators.record import KEY
from tests.operators.doubles import STORED, Store, SubmitService, submission_of


class Counters:
    """Counters of statistics, with the tags of each."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, float, Any]] = []

    def incr(self, stat: str, count: float = 1, *, tags: Any = None) -> None:
        self.counted.append((stat, count, tags))


class Broken:
    def incr(self, *_: Any, **__: Any) -> None:
        raise OSError("the daemon is gone")


def counted(service: SubmitService, store: Store | None = None, price: str | None = None) -> list[tuple[str, float]]:
    counters = Counters()
    submission = submission_of(service, store or Store())
    submission.metrics = Metrics(counters)  # type: ignore[arg-type] # no gauge and no timer is used
    submission.price = lambda _: price
    with suppress(LemonDataError):
        submission.submit_or_reattach()
    assert all(tags == {"model": "sora-2"} for *_, tags in counters.counted)
    return [(name, count) for name, count, _ in counters.counted]


def test_submit_accepted_counts_it_and_its_price():
    assert counted(SubmitService(), price="0.6") == [("lemondata.submits", 1), ("lemondata.estimated_cost_usd", 0.6)]


def test_submit_accepted_without_a_price_counts_no_cost():
    assert counted(SubmitService()) == [("lemondata.submits", 1)]


def test_submit_refused_counts_a_refusal_and_no_cost():
    assert counted(SubmitService(refuses=True), price="0.6") == [("lemondata.submits_refused", 1)]


def test_submit_answer_lost_counts_an_unknown_submit():
    service = SubmitService()
    service.loses = True
    assert counted(service) == [("lemondata.submits_unknown", 1)]


def test_retry_that_finds_its_task_counts_nothing():
    store = Store()
    store.values[KEY] = STORED.to_json()
    assert counted(SubmitService(), store) == []


@pytest.mark.parametrize("refuses", [False, True])
def test_broken_statistics_change_nothing_of_a_submit(refuses):
    ends = []
    for metrics in (Counters(), Broken()):
        service = SubmitService(refuses=refuses)
        submission = submission_of(service, Store())
        submission.metrics = Metrics(metrics)  # type: ignore[arg-type] # the same
        try:
            poller, _ = submission.submit_or_reattach()
            ends.append((service.creates, poller.wait.task_id))
        except LemonDataError as error:
            ends.append((service.creates, str(error)))
    assert ends[0] == ends[1]
