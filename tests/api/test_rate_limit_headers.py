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
    assert RateLimit.read(httpx.Headers(headers)) == expected


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
