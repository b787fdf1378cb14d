from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.rate_limiter import TRANSIT_SECONDS, RateLimit, RateLimiter


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999"}, RateLimit(1000, 999)),
        ({"x-ratelimit-limit": "60.5", "x-ratelimit-remaining": "0.5"}, RateLimit(60.5, 0.5)),
        ({"X-RateLimit-Limit": " 10 ", "X-RateLimit-Remaining": "-3"}, RateLimit(10, 0)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "11"}, RateLimit(10, 10)),
        ({"X-RateLimit-Limit": "1e15", "X-RateLimit-Remaining": "1"}, RateLimit(1e15, 1)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "42"}, RateLimit(10, 0, 42)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1042"}, RateLimit(10, 0, 42)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "990"}, RateLimit(10, 0)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9e9"}, RateLimit(10, 0)),
        ({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, RateLimit(10, 0)),
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
def test_rate_limit_read_malformed_headers_is_none(headers: dict[str, str], expected: RateLimit | None) -> None:
    assert RateLimit.read(httpx.Headers(headers), now=1000.0) == expected


WORDS = st.text(max_size=6) | st.floats().map(str) | st.integers().map(str)


@given(limit=WORDS, remaining=WORDS)
@settings(deadline=None)
def test_rate_limit_read_any_text_keeps_the_pace(limit: str, remaining: str) -> None:
    read = RateLimit.read({"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining})
    limiter = RateLimiter(1000)
    if read is not None:
        assert 0 <= read.remaining <= read.limit
        limiter.apply_headers(read, 5.0)
    assert 5 <= limiter.available_at(5.0) <= 65 + TRANSIT_SECONDS


def test_apply_headers_nothing_left_for_ever_keeps_a_tenth_of_the_rate() -> None:
    limiter, sent = RateLimiter(600), []
    now = 0.0
    while now < 600:
        now = max(limiter.available_at(now), now)
        limiter.acquire(now)
        limiter.apply_headers(RateLimit(600, 0), now + 0.1)
        sent.append(now)
        now += 0.1
    assert sent[1] - sent[0] <= 60 + TRANSIT_SECONDS + 1
    assert sum(at > 300 for at in sent) >= 300 / 60 * 0.09 * 600 * 0.5


def test_apply_headers_nothing_left_once_waits_for_the_reset() -> None:
    limiter = RateLimiter(600)
    limiter.acquire(0.0)
    limiter.apply_headers(RateLimit(600, 0, reset=7), 0.1)
    assert 7 <= limiter.available_at(0.1) <= 9


def test_apply_headers_answers_in_flight_contradict_nothing() -> None:
    limiter = RateLimiter(600)
    for at in range(30):
        limiter.apply_headers(RateLimit(600, 0), float(at))
    assert limiter.available_at(29.0) >= 60
