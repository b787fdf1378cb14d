from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.rate_limiter import (
    MAX_TIMER_LATENESS,
    SAFETY_SHARE,
    TRANSIT_SECONDS,
    WINDOW,
    RateLimit,
    RateLimiter,
)

INSTANT = 1e-6  # seconds; no clock of ours is more exact


class BusySender:
    """A process with constant demand, which sends as soon as the rate limiter allows."""

    def __init__(self, limiter: RateLimiter, now: float = 0.0) -> None:
        self.limiter = limiter
        self.now = now
        self.sent: list[float] = []

    def send_until(self, end: float) -> None:
        while (at := self.limiter.available_at(self.now)) <= end:
            assert at >= self.now
            self.now = at
            self.check()
            self.limiter.acquire(at)
            self.sent.append(at)
        self.now = max(self.now, end)

    def check(self) -> None:
        """Check the next request."""

    def sent_between(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.sent)


def max_per_window(instants: list[float]) -> int:
    """Return the maximum number of instants in any window of a minute."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(instants):
        window.append(at)
        while window[0] <= at - WINDOW + INSTANT:
            window.popleft()
        most = max(most, len(window))
    return most


# --- the pace


@pytest.mark.parametrize("per_minute", [3, 10, 60, 1000, 3000])
def test_rate_limiter_constant_demand_uses_the_whole_limit_evenly(per_minute: int) -> None:
    limiter = RateLimiter(per_minute)
    sender = BusySender(limiter)
    sender.send_until(3 * WINDOW)
    allowed = math.floor(SAFETY_SHARE * per_minute)
    for minute in (0, 60, 120):
        assert 0.95 * allowed <= sender.sent_between(minute, minute + WINDOW) <= max(allowed, 1)
    pauses = [later - sooner for sooner, later in pairwise(sender.sent)]
    assert min(pauses) >= WINDOW / limiter.allowed - INSTANT
    assert max(pauses) <= 2 * WINDOW / limiter.allowed


def test_rate_limiter_after_idle_time_sends_no_burst() -> None:
    limiter = RateLimiter(1000)
    BusySender(limiter).send_until(10)
    late = BusySender(limiter, now=500.0)
    late.send_until(510)
    assert len(late.sent) <= 10 * limiter.allowed / WINDOW + 2  # one of them catches up for a late timer


def test_rate_limiter_late_timers_catches_up() -> None:
    limiter, sent = RateLimiter(1000), []
    now = 0.0
    while now < 30:
        now = limiter.available_at(now) + 0.03  # half a gap late each time
        limiter.acquire(now)
        sent.append(now)
    assert len(sent) >= 0.99 * 30 * limiter.allowed / WINDOW


def test_rate_limiter_after_a_burst_of_creates_spreads_the_rest_of_the_minute() -> None:
    limiter = RateLimiter(1000)
    limiter.record_external(0.0, 200)
    sender = BusySender(limiter)
    sender.send_until(60 - INSTANT)
    assert len(sender.sent) == pytest.approx(limiter.allowed - 200, rel=0.01)
    quarters = [sender.sent_between(start, start + 15) for start in (0, 15, 30, 45)]
    assert max(quarters) - min(quarters) <= 2
    sender.send_until(180)
    assert sender.sent_between(120, 180) == pytest.approx(limiter.allowed, rel=0.01)


@pytest.mark.parametrize("external", [100, 485, 900])  # a minute
def test_rate_limiter_external_requests_uses_the_rest(external: int) -> None:
    limiter = RateLimiter(1000)
    sender = BusySender(limiter)
    for number in range(3 * external):
        at = number * WINDOW / external
        sender.send_until(at)
        limiter.record_external(at)
    sender.send_until(180)
    assert sender.sent_between(120, 180) == pytest.approx(limiter.allowed - external, rel=0.05, abs=2)


def test_rate_limiter_external_requests_fill_the_limit_waits() -> None:
    limiter = RateLimiter(100)
    limiter.record_external(0.0, 90)
    limiter.record_external(30.0, 1000)
    assert limiter.rate() == 0
    sender = BusySender(limiter, now=30.0)
    sender.send_until(89.9)
    assert sender.sent == []
    sender.send_until(180)
    assert sender.sent[0] == pytest.approx(90, abs=1)
    assert max_per_window(sender.sent) <= 97


def test_record_external_out_of_order_expires_no_sooner() -> None:
    limiter = RateLimiter(10)
    limiter.record_external(50.0, 5)
    limiter.record_external(10.0, 4)  # these count as if they had been sent at 50
    assert limiter.available_at(100.0) == pytest.approx(110, abs=1)


# --- any sequence of events

EVENTS = st.one_of(
    st.tuples(st.just("external"), st.floats(0, 70), st.integers(1, 40)),
    st.tuples(st.just("headers"), st.floats(1, 200), st.floats(0, 200)),
    st.tuples(st.just("rate_limited"), st.floats(0, 100), st.none()),
    st.tuples(st.just("settings"), st.floats(1, 120), st.integers(1, 3)),
)


class CheckingSender(BusySender):
    """Checks each request against all requests of the last minute."""

    def __init__(self, limiter: RateLimiter) -> None:
        super().__init__(limiter, now=1000.0)
        self.external: list[float] = []
        self.paused_until = 0.0

    def check(self) -> None:
        start = self.now - WINDOW + INSTANT
        recent = sum(at > start for at in self.sent) + sum(at > start for at in self.external)
        assert recent + 1 <= max(self.limiter.allowed, 1) + INSTANT
        assert self.now >= self.paused_until
        assert not self.sent or self.now - self.sent[-1] >= WINDOW / self.limiter.allowed - MAX_TIMER_LATENESS - INSTANT

    def apply(self, event: str, first: float, second: Any) -> None:
        limiter = self.limiter
        if event == "external":
            limiter.record_external(self.now - first, second)
            self.external += [self.now - first] * second
        elif event == "headers":
            limiter.apply_headers(RateLimit(first, min(first, second)), self.now)
        elif event == "rate_limited":
            limiter.on_rate_limited(self.now)
            limiter.pause_until(self.now + first)
            self.paused_until = max(self.paused_until, self.now + first)
        else:
            limiter.set_limit(first, second)


@given(
    per_minute=st.floats(1, 120),
    processes=st.integers(1, 3),
    events=st.lists(st.tuples(st.floats(0, 40), EVENTS), max_size=10),
)
@settings(deadline=None, max_examples=60)
def test_rate_limiter_any_events_keeps_the_limit_and_goes_on(
    per_minute: float, processes: int, events: list[tuple[float, tuple[str, float, Any]]]
) -> None:
    sender = CheckingSender(RateLimiter(per_minute, processes))
    for seconds, event in events:
        sender.send_until(sender.now + seconds)
        sender.apply(*event)
    end = max(sender.now, sender.paused_until) + 2 * WINDOW
    sender.send_until(end + 2 * WINDOW)
    assert sender.sent[-1] >= end, "the rate limiter stopped sending"


@given(per_minute=st.floats(10, 200), phases=st.lists(st.floats(0, 60), min_size=1, max_size=6))
@settings(deadline=None, max_examples=30)
def test_rate_limiter_several_processes_keep_the_limit_together(per_minute: float, phases: list[float]) -> None:
    together: list[float] = []
    for phase in phases:
        sender = BusySender(RateLimiter(per_minute, len(phases)), now=phase)
        sender.send_until(200.0)
        together += sender.sent
    assert max_per_window(together) <= per_minute


# --- pauses, 429s and headers


def test_pause_until_twice_the_later_instant_counts() -> None:
    limiter = RateLimiter(1000)
    limiter.pause_until(30.0)
    limiter.pause_until(10.0)
    assert limiter.available_at(0.0) == 30.0
    assert limiter.available_at(31.0) == 31.0


def test_on_rate_limited_leaves_a_share_and_recovers_after_a_minute() -> None:
    limiter = RateLimiter(1000)
    limiter.on_rate_limited(0.0)
    sender = BusySender(limiter)
    sender.send_until(60 - INSTANT)
    assert len(sender.sent) == pytest.approx(97, abs=2)
    sender.send_until(240)
    assert sender.sent_between(180, 240) == pytest.approx(970, abs=5)


def test_apply_headers_used_requests_of_other_processes_count_as_external() -> None:
    limiter = RateLimiter(1000)
    sender = BusySender(limiter)
    sender.send_until(10)
    ours = len(sender.sent)
    limiter.apply_headers(RateLimit(1000, 1000 - ours), 10.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed)
    limiter.apply_headers(RateLimit(1000, 1000 - ours - 300), 10.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed - 300)
    limiter.apply_headers(RateLimit(1000, 1000 - ours - 300), 10.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed - 300)


def test_apply_headers_lower_limit_counts_and_higher_limit_does_not() -> None:
    limiter = RateLimiter(1000)
    limiter.apply_headers(RateLimit(100, 100), 0.0)
    assert limiter.allowed == pytest.approx(97)
    limiter.apply_headers(RateLimit(10_000, 10_000), 1.0)
    assert limiter.allowed == pytest.approx(970)


def test_apply_headers_more_remaining_than_configured_leaves_the_rate() -> None:
    limiter = RateLimiter(1000)
    limiter.apply_headers(RateLimit(10_000, 5_000), 0.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed)


def test_apply_headers_huge_limit_pauses_for_a_minute_at_most() -> None:
    limiter = RateLimiter(1000)
    limiter.apply_headers(RateLimit(1e300, 0.0), 0.0)
    assert limiter.available_at(0.0) == pytest.approx(60 + TRANSIT_SECONDS)
    assert limiter.available_at(61.0) == 61.0


def test_set_limit_while_sending_counts_at_once() -> None:
    limiter = RateLimiter(1000)
    sender = BusySender(limiter)
    sender.send_until(60)
    limiter.set_limit(100, 1)
    sender.send_until(180)
    assert sender.sent_between(60 + INSTANT, 113) == 0  # the requests of the last minute exceed the new limit
    assert 92 <= sender.sent_between(120, 180) <= 97
    limiter.set_limit(1000, 2)
    assert limiter.allowed == 485
