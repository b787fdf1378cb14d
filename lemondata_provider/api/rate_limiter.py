"""Spread requests evenly below the rate limit of a key. Source: https://docs.lemondata.cc."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from lemondata_provider.api.fields import read_number

WINDOW = 60.0  # seconds over which the service counts requests
SAFETY_SHARE = 0.97  # of the limit; higher: more polls, but inexact clocks and networks cause a 429
MAX_TIMER_LATENESS = 0.1  # seconds that the next request may catch up; higher: more polls, but less even
TRANSIT_SECONDS = 0.25  # on the way of an external request; lower: more polls, but a 429 if it arrives later
MIN_SHARE = 0.1  # of the limit that a 429 leaves; higher: waits go on, but with more 429s
MAX_RESET = 2 * WINDOW  # seconds; another number is an instant, or no reset of a minute's limit
STALE_SECONDS = 31.0  # after which an answer belongs to a request of its own time: polls take 30 s at most
EPSILON = 1e-9  # of a request: rounding error of sums


@dataclass(frozen=True)
class RateLimit:
    """
    Rate limit headers of one response.

    :param limit: requests per minute.
    :param remaining: requests left in this minute.
    :param reset: seconds until all are left again, if the service says so.
    """

    limit: float
    remaining: float
    reset: float | None = None

    @classmethod
    def read(cls, headers: Mapping[str, str], now: float = 0.0) -> RateLimit | None:
        """
        Parse ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset``, which only some editions of the service send.

        :param headers: response headers with lower-case names.
        :param now: Unix seconds: a reset is given in those, or in seconds from now.
        """
        limit, remaining, reset = (
            read_number(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset")
        )
        if limit is None or remaining is None or limit < 1:
            return None
        if reset is not None and reset > MAX_RESET:
            reset -= now
        in_time = reset is not None and 0 <= reset <= MAX_RESET
        return cls(limit, min(max(remaining, 0.0), limit), reset if in_time else None)


class RateLimiter:
    """
    Limit the requests of one process with one key; instants are seconds of one monotonic clock.

    External requests with the same key, such as the creates of workers, use the limit too. The rest is spread over the
    minute, so that it neither runs out in a burst nor comes back in one.

    :param per_minute: rate limit of the key.
    :param processes: number of processes that share the limit in equal parts.
    """

    def __init__(self, per_minute: float, processes: int = 1) -> None:
        self._sent: deque[float] = deque()
        self._external: deque[tuple[float, int]] = deque()  # instant and number of requests
        self._external_count = 0
        self._credit = 1.0  # requests that the pace allows now
        self._credit_since: float | None = None  # instant at which it was that much
        self._last = -math.inf  # instant of the last request, if no timer were late
        self._paused_until = -math.inf
        self._headers_valid_until = math.inf
        self._exhausted_since: float | None = None  # instant at which the service began to say that nothing is left
        self.set_limit(per_minute, processes)

    def set_limit(self, per_minute: float, processes: int) -> None:
        """Replace the rate limit."""
        self.per_minute = per_minute
        self.processes = processes
        self._allow(per_minute)

    def rate(self) -> float:
        """Return the requests per second that external requests leave."""
        return max(self.allowed - self._external_count, 0.0) / WINDOW

    def record_external(self, at: float, requests: int = 1) -> None:
        """Count requests that another process sent; late reports count as sent after the earlier ones."""
        self._advance(at)
        at += TRANSIT_SECONDS  # the service counts from the request's arrival
        at = max(at, self._external[-1][0]) if self._external else at
        self._external.append((at, requests))
        self._external_count += requests

    def pause_until(self, until: float) -> None:
        """Allow no request before an instant, as the service asks."""
        self._paused_until = max(self._paused_until, until)

    def apply_headers(self, limit: RateLimit, now: float) -> None:
        """Adopt the limit of a response; used requests that this process did not send are external."""
        self._advance(now)
        per_minute = min(self.per_minute, limit.limit)
        self._allow(per_minute)
        self._headers_valid_until = now + WINDOW
        used = per_minute / self.processes - limit.remaining
        if limit.remaining >= 1:
            self._exhausted_since = None
        elif self._exhausted_since is None:
            self._exhausted_since = now
        if self._exhausted_since is not None and now - self._exhausted_since > STALE_SECONDS:
            # Requests are answered, though for long nothing is said to be left: that cannot be the whole truth.
            used = min(used, (1 - MIN_SHARE) * self.allowed)
        expires = WINDOW if limit.reset is None else min(limit.reset, WINDOW)
        self._record_unseen(used, now - WINDOW + expires)
        if limit.remaining < 1 and limit.reset is not None and self._exhausted_since == now:
            self.pause_until(now + limit.reset)

    def on_rate_limited(self, now: float) -> None:
        """Count most of the limit as used after a 429; a rest remains, since the 429 may have another cause."""
        self._advance(now)
        self._record_unseen((1 - MIN_SHARE) * self.allowed, now)

    def _record_unseen(self, used: float, now: float) -> None:
        """Count as external those used requests that nothing else accounts for."""
        unseen = math.floor(used) - len(self._sent) - self._external_count
        if unseen > 0:
            self.record_external(now, unseen)

    def available_at(self, now: float) -> float:
        """Return the earliest instant for the next request."""
        self._advance(now)
        at = max(self._credit_available_at(now), self._last + WINDOW / self.allowed, self._paused_until, now)
        over = math.ceil(len(self._sent) + self._external_count + 1 - self.allowed - EPSILON)
        return at if over <= 0 else max(at, self._nth_oldest(over) + WINDOW)

    def acquire(self, now: float) -> None:
        """Count a request of this process."""
        self._advance(now)
        self._sent.append(now)
        self._credit -= 1.0
        # If a timer was late, the next request may come early by as much.
        gap = WINDOW / self.allowed
        self._last = max(self._last + gap, now - min(gap, MAX_TIMER_LATENESS))

    def _allow(self, per_minute: float) -> None:
        self.allowed = max(SAFETY_SHARE * per_minute / self.processes, 1.0)

    def _advance(self, now: float) -> None:
        if now > self._headers_valid_until:
            self._headers_valid_until = math.inf
            self._allow(self.per_minute)
        while self._sent and self._sent[0] <= now - WINDOW:
            self._sent.popleft()
        while self._external and self._external[0][0] <= now - WINDOW:
            self._grow(self._external[0][0] + WINDOW)
            self._external_count -= self._external.popleft()[1]
        self._grow(now)

    def _grow(self, now: float) -> None:
        since = now if self._credit_since is None else self._credit_since
        self._credit = min(self._credit + self.rate() * max(now - since, 0.0), self.allowed)
        self._credit_since = max(now, since)

    def _credit_available_at(self, now: float) -> float:
        """Return the instant with credit for one request; each external request that expires raises the rate."""
        at, missing, external = now, 1.0 - self._credit, self._external_count
        if missing <= EPSILON:
            return now
        for sent, requests in self._external:
            rate = max(self.allowed - external, 0.0) / WINDOW
            expires = max(sent + WINDOW, at)
            if missing <= rate * (expires - at):
                return at + missing / rate
            missing -= rate * (expires - at)
            at, external = expires, external - requests
        return at + missing * WINDOW / self.allowed

    def _nth_oldest(self, number: int) -> float:
        """Return the instant of the nth oldest request, which has to expire to make room."""
        at, in_order = -math.inf, heapq.merge(((sent, 1) for sent in self._sent), self._external)
        while number > 0:
            at, requests = next(in_order)
            number -= requests
        return at
