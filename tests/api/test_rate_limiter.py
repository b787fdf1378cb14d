from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import Any

import httpx
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


class Sender:
    """Somebody who always has something to send, and sends it as soon as the budget lets them."""

    def __init__(self, limiter: RateLimiter, now: float = 0.0) -> None:
        self.limiter = limiter
        self.now = now
        self.sent: list[float] = []

    def send_until(self, end: float) -> None:
        while (at := self.limiter.available_at(self.now)) <= end:
            assert at >= self.now
            self.now = at
            self.before_send()
            self.limiter.acquire(at)
            self.sent.append(at)
        self.now = max(self.now, end)

    def before_send(self) -> None:
        """Look at what is about to be sent."""

    def sent_between(self, start: float, end: float) -> int:
        return sum(start <= at < end for at in self.sent)


def most_in_a_window(instants: list[float]) -> int:
    """Return how many there are in the fullest minute, wherever it begins."""
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
def test_the_whole_budget_is_used_where_there_is_demand_and_evenly(per_minute: int) -> None:
    limiter = RateLimiter(per_minute)
    sender = Sender(limiter)
    sender.send_until(3 * WINDOW)
    allowed = math.floor(SAFETY_SHARE * per_minute)
    for minute in (0, 60, 120):
        assert 0.95 * allowed <= sender.sent_between(minute, minute + WINDOW) <= max(allowed, 1)
    pauses = [later - sooner for sooner, later in pairwise(sender.sent)]
    assert min(pauses) >= WINDOW / limiter.allowed - INSTANT
    assert max(pauses) <= 2 * WINDOW / limiter.allowed


def test_what_was_not_used_does_not_come_back_in_a_burst() -> None:
    limiter = RateLimiter(1000)
    Sender(limiter).send_until(10)
    late = Sender(limiter, now=500.0)
    late.send_until(510)
    assert len(late.sent) <= 10 * limiter.allowed / WINDOW + 2  # one of them to make up for a late timer


def test_what_timers_are_late_by_is_made_up_for() -> None:
    limiter, sent = RateLimiter(1000), []
    now = 0.0
    while now < 30:
        now = limiter.available_at(now) + 0.03  # half a gap late each time
        limiter.acquire(now)
        sent.append(now)
    assert len(sent) >= 0.99 * 30 * limiter.allowed / WINDOW


def test_after_a_burst_of_creates_the_rest_of_the_minute_is_spread() -> None:
    limiter = RateLimiter(1000)
    limiter.record_external(0.0, 200)
    sender = Sender(limiter)
    sender.send_until(60 - INSTANT)
    assert len(sender.sent) == pytest.approx(limiter.allowed - 200, rel=0.01)
    quarters = [sender.sent_between(start, start + 15) for start in (0, 15, 30, 45)]
    assert max(quarters) - min(quarters) <= 2
    sender.send_until(180)
    assert sender.sent_between(120, 180) == pytest.approx(limiter.allowed, rel=0.01)


@pytest.mark.parametrize("others", [100, 485, 900])  # a minute
def test_what_others_leave_is_used(others: int) -> None:
    limiter = RateLimiter(1000)
    sender = Sender(limiter)
    for number in range(3 * others):
        at = number * WINDOW / others
        sender.send_until(at)
        limiter.record_external(at)
    sender.send_until(180)
    assert sender.sent_between(120, 180) == pytest.approx(limiter.allowed - others, rel=0.05, abs=2)


def test_requests_of_others_that_fill_the_limit_are_waited_for() -> None:
    limiter = RateLimiter(100)
    limiter.record_external(0.0, 90)
    limiter.record_external(30.0, 1000)
    assert limiter.rate() == 0
    sender = Sender(limiter, now=30.0)
    sender.send_until(89.9)
    assert sender.sent == []
    sender.send_until(180)
    assert sender.sent[0] == pytest.approx(90, abs=1)
    assert most_in_a_window(sender.sent) <= 97


def test_a_request_of_somebody_else_that_is_told_late_expires_no_sooner_than_it_may() -> None:
    limiter = RateLimiter(10)
    limiter.record_external(50.0, 5)
    limiter.record_external(10.0, 4)  # these count as if they had been sent at 50
    assert limiter.available_at(100.0) == pytest.approx(110, abs=1)


# --- any sequence at all

HAPPENINGS = st.one_of(
    st.tuples(st.just("others"), st.floats(0, 70), st.integers(1, 40)),
    st.tuples(st.just("told"), st.floats(1, 200), st.floats(0, 200)),
    st.tuples(st.just("refused"), st.floats(0, 100), st.none()),
    st.tuples(st.just("changed"), st.floats(1, 120), st.integers(1, 3)),
)


class Checked(Sender):
    """A sender that checks each request against all that is known of the minute before."""

    def __init__(self, limiter: RateLimiter) -> None:
        super().__init__(limiter, now=1000.0)
        self.others: list[float] = []
        self.held_until = 0.0

    def before_send(self) -> None:
        start = self.now - WINDOW + INSTANT
        known = sum(at > start for at in self.sent) + sum(at > start for at in self.others)
        assert known + 1 <= max(self.limiter.allowed, 1) + INSTANT
        assert self.now >= self.held_until
        assert not self.sent or self.now - self.sent[-1] >= WINDOW / self.limiter.allowed - MAX_TIMER_LATENESS - INSTANT

    def happens(self, what: str, first: float, second: Any) -> None:
        limiter = self.limiter
        if what == "others":
            limiter.record_external(self.now - first, second)
            self.others += [self.now - first] * second
        elif what == "told":
            limiter.apply_headers(RateLimit(first, min(first, second)), self.now)
        elif what == "refused":
            limiter.on_rate_limited(self.now)
            limiter.pause_until(self.now + first)
            self.held_until = max(self.held_until, self.now + first)
        else:
            limiter.set_limit(first, second)


@given(
    per_minute=st.floats(1, 120),
    processes=st.integers(1, 3),
    happenings=st.lists(st.tuples(st.floats(0, 40), HAPPENINGS), max_size=10),
)
@settings(deadline=None, max_examples=60)
def test_whatever_happens_no_minute_has_more_requests_than_allowed_and_sending_goes_on(
    per_minute: float, processes: int, happenings: list[tuple[float, tuple[str, float, Any]]]
) -> None:
    sender = Checked(RateLimiter(per_minute, processes))
    for seconds, happening in happenings:
        sender.send_until(sender.now + seconds)
        sender.happens(*happening)
    end = max(sender.now, sender.held_until) + 2 * WINDOW
    sender.send_until(end + 2 * WINDOW)
    assert sender.sent[-1] >= end, "it has stopped"


@given(per_minute=st.floats(10, 200), phases=st.lists(st.floats(0, 60), min_size=1, max_size=6))
@settings(deadline=None, max_examples=30)
def test_those_who_share_a_limit_never_exceed_it_together(per_minute: float, phases: list[float]) -> None:
    together: list[float] = []
    for phase in phases:
        sender = Sender(RateLimiter(per_minute, len(phases)), now=phase)
        sender.send_until(200.0)
        together += sender.sent
    assert most_in_a_window(together) <= per_minute


# --- what the service says


def test_nothing_is_sent_before_a_hold_ends_and_a_shorter_one_does_not_end_it() -> None:
    limiter = RateLimiter(1000)
    limiter.pause_until(30.0)
    limiter.pause_until(10.0)
    assert limiter.available_at(0.0) == 30.0
    assert limiter.available_at(31.0) == 31.0


def test_a_429_leaves_a_little_and_everything_is_back_after_a_minute() -> None:
    limiter = RateLimiter(1000)
    limiter.on_rate_limited(0.0)
    sender = Sender(limiter)
    sender.send_until(60 - INSTANT)
    assert len(sender.sent) == pytest.approx(97, abs=2)
    sender.send_until(240)
    assert sender.sent_between(180, 240) == pytest.approx(970, abs=5)


def test_what_an_answer_says_is_used_counts_for_others_unless_we_sent_it() -> None:
    limiter = RateLimiter(1000)
    sender = Sender(limiter)
    sender.send_until(10)
    ours = len(sender.sent)
    limiter.apply_headers(RateLimit(1000, 1000 - ours), 10.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed)
    limiter.apply_headers(RateLimit(1000, 1000 - ours - 300), 10.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed - 300)
    limiter.apply_headers(RateLimit(1000, 1000 - ours - 300), 10.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed - 300)


def test_a_lower_limit_than_configured_is_taken_and_a_higher_one_is_not() -> None:
    limiter = RateLimiter(1000)
    limiter.apply_headers(RateLimit(100, 100), 0.0)
    assert limiter.allowed == pytest.approx(97)
    limiter.apply_headers(RateLimit(10_000, 10_000), 1.0)
    assert limiter.allowed == pytest.approx(970)


def test_a_key_with_more_left_than_is_configured_is_not_held_up_by_what_others_used() -> None:
    limiter = RateLimiter(1000)
    limiter.apply_headers(RateLimit(10_000, 5_000), 0.0)
    assert limiter.rate() * WINDOW == pytest.approx(limiter.allowed)


def test_an_absurd_limit_costs_neither_memory_nor_the_pace() -> None:
    limiter = RateLimiter(1000)
    limiter.apply_headers(RateLimit(1e300, 0.0), 0.0)
    assert limiter.available_at(0.0) == pytest.approx(60 + TRANSIT_SECONDS)
    assert limiter.available_at(61.0) == 61.0


def test_a_budget_changes_at_once() -> None:
    limiter = RateLimiter(1000)
    sender = Sender(limiter)
    sender.send_until(60)
    limiter.set_limit(100, 1)
    sender.send_until(180)
    assert sender.sent_between(60 + INSTANT, 113) == 0  # what was sent in the minute before is still too much
    assert 92 <= sender.sent_between(120, 180) <= 97
    limiter.set_limit(1000, 2)
    assert limiter.allowed == 485


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999"}, RateLimit(1000, 999)),
        ({"x-ratelimit-limit": "60.5", "x-ratelimit-remaining": "0.5"}, RateLimit(60.5, 0.5)),
        ({"X-RateLimit-Limit": " 10 ", "X-RateLimit-Remaining": "-3"}, RateLimit(10, 0)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "11"}, RateLimit(10, 10)),
        ({"X-RateLimit-Limit": "1e15", "X-RateLimit-Remaining": "1"}, RateLimit(1e15, 1)),
        ({"X-RateLimit-Limit": "1000"}, None),
        ({"X-RateLimit-Remaining": "1000"}, None),
        ({}, None),
        ({"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "1"}, None),
        ({"X-RateLimit-Limit": "", "X-RateLimit-Remaining": ""}, None),
        ({"X-RateLimit-Limit": "100, 100;w=60", "X-RateLimit-Remaining": "1"}, None),
        ({"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0"}, None),
        ({"X-RateLimit-Limit": "-5", "X-RateLimit-Remaining": "1"}, None),
        ({"X-RateLimit-Limit": "nan", "X-RateLimit-Remaining": "1"}, None),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "NaN"}, None),
        ({"X-RateLimit-Limit": "1" * 400, "X-RateLimit-Remaining": "1"}, None),
    ],
)
def test_rate_limits_are_read_with_care(headers: dict[str, str], expected: RateLimit | None) -> None:
    assert RateLimit.read(httpx.Headers(headers)) == expected


WORDS = st.text(max_size=6) | st.floats().map(str) | st.integers().map(str)


@given(limit=WORDS, remaining=WORDS)
@settings(deadline=None)
def test_no_rate_limit_that_an_answer_names_breaks_the_pace(limit: str, remaining: str) -> None:
    read = RateLimit.read({"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining})
    limiter = RateLimiter(1000)
    if read is not None:
        assert 0 <= read.remaining <= read.limit
        limiter.apply_headers(read, 5.0)
    assert 5 <= limiter.available_at(5.0) <= 65 + TRANSIT_SECONDS
