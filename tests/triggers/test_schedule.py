from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.rate_limiter import WINDOW, RateLimiter
from lemondata_provider.triggers.schedule import PREDICTED_HEAD_START, Schedule

INSTANT = 1e-6  # seconds


def drain(schedule: Schedule[Any], now: float = 0.0) -> list[tuple[Any, float]]:
    """Return all planned items with the instants of their polls."""
    taken = []
    while (at := schedule.next_at(now)) is not None:
        now = at
        taken.append((schedule.take(now), now))
    return taken


def new_schedule(per_minute: float = 6e6) -> Schedule[Any]:
    return Schedule(RateLimiter(per_minute))


def test_schedule_several_polls_come_in_order_of_due_time() -> None:
    schedule = new_schedule()
    for due in (30, 10, 20):
        schedule.put(due, due)
    assert drain(schedule) == [(10, 10), (20, 20), (30, 30)]
    assert (schedule.next_at(99), schedule.take(99)) == (None, None)


def test_take_before_due_time_or_rate_limit_is_none() -> None:
    schedule = new_schedule(60)
    schedule.put("late", 5.0)
    assert schedule.take(4.9) is None
    assert schedule.take(5.0) == "late"
    schedule.put("at once", 5.0)
    assert schedule.take(5.0) is None
    assert schedule.next_at(5.0) == pytest.approx(5 + WINDOW / schedule.limiter.allowed)


def test_take_due_polls_predicted_end_first_then_oldest() -> None:
    schedule = new_schedule()
    schedule.put("first", 1.0)
    schedule.put("second", 2.0)
    schedule.put("predicted", 50.0, predicted=True)
    schedule.put("not yet", 51.0, predicted=True)
    assert [item for item, _ in drain(schedule, now=50.0)] == ["predicted", "first", "second", "not yet"]


def test_discard_planned_polls_costs_no_request() -> None:
    schedule = new_schedule(60)
    entries = {number: schedule.put(number, number / 10) for number in range(10)}
    for number in (0, 3, 9):
        schedule.discard(entries[number])
        schedule.discard(entries[number])
    taken = drain(schedule, now=0.55)
    assert [item for item, _ in taken] == [1, 2, 4, 5, 6, 7, 8]
    assert taken[-1][1] == pytest.approx(0.55 + 6 * WINDOW / schedule.limiter.allowed)


def test_discard_taken_poll_changes_nothing() -> None:
    schedule = new_schedule()
    entry = schedule.put("first", 0.0)
    schedule.put("second", 1.0)
    assert schedule.take(0.0) == "first"
    schedule.discard(entry)
    assert drain(schedule) == [("second", 1.0)]


def test_round_seconds_external_requests_lengthen_the_round() -> None:
    schedule = new_schedule(1000)
    assert schedule.round_seconds(970) == pytest.approx(60)
    schedule.limiter.record_external(0.0, 485)
    assert schedule.round_seconds(970) == pytest.approx(120)
    schedule.limiter.record_external(0.0, 10_000)
    assert schedule.round_seconds(970) == pytest.approx(600)  # external requests expire within a minute


@given(
    predicted=st.integers(1, 12),
    unpredicted=st.integers(1, 12),
    pause=st.floats(0, 30),
    per_minute=st.integers(4, 60),
)
@settings(deadline=None, max_examples=40)
def test_take_constant_predictions_starve_no_poll(
    predicted: int, unpredicted: int, pause: float, per_minute: int
) -> None:
    schedule = new_schedule(per_minute)
    for number in range(predicted + unpredicted):
        schedule.put((number, 0.0), 0.0, number < predicted)
    requests = predicted + unpredicted + 1
    now, longest = 0.0, PREDICTED_HEAD_START + requests * WINDOW / math.floor(schedule.limiter.allowed)
    polled = set()
    while now < 3 * longest:
        now = schedule.next_at(now) or now
        taken = schedule.take(now)
        assert taken is not None
        number, due = taken
        polled.add(number)
        assert now - due <= longest + INSTANT
        schedule.put((number, now + pause), now + pause, number < predicted)
    assert len(polled) == predicted + unpredicted
