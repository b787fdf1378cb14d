"""When a request may be sent: never more than a key's rate limit allows, and evenly. Source: docs.lemondata.cc."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW = 60.0  # seconds that the service counts requests over
SAFETY_SHARE = 0.97  # of what is allowed; the rest is for clocks and networks that are not exact
MAX_TIMER_LATENESS = 0.1  # seconds that a timer may be late and made up for
TRANSIT_SECONDS = 0.25  # seconds that a request of somebody else may have been on its way
MIN_SHARE = 0.1  # the part that a 429 leaves to us
EPSILON = 1e-9  # of a request: what sums of fractions may be wrong by


@dataclass(frozen=True)
class RateLimit:
    """
    What an answer says about the rate limit of its key.

    :param limit: requests in a minute.
    :param remaining: how many of them are left.
    """

    limit: float
    remaining: float

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> RateLimit | None:
        """Read ``X-RateLimit-Limit`` and ``-Remaining``, which only some editions of the service send."""
        if "x-ratelimit-limit" not in headers:
            return None
        try:
            limit, remaining = (float(headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining"))
        except (KeyError, ValueError):
            return None
        usable = math.isfinite(limit) and math.isfinite(remaining) and limit >= 1
        return cls(limit, min(max(remaining, 0.0), limit)) if usable else None


class RateLimiter:
    """
    The requests that one process may send with one key; all instants are those of one monotonic clock, in seconds.

    Requests that others send with the key, such as the creates of workers, are counted as far as they are known: what
    they leave is spread over the minute, so that it neither runs out in a burst nor comes back in one.

    :param per_minute: the rate limit of the key.
    :param processes: how many processes share it, each with the same part.
    """

    def __init__(self, per_minute: float, processes: int = 1) -> None:
        self._sent: deque[float] = deque()
        self._external: deque[tuple[float, int]] = deque()  # when, and how many then
        self._external_count = 0  # how many these are
        self._credit = 1.0  # requests that may be sent now as far as the pace goes; what is not used is kept
        self._credited: float | None = None  # until when the credit has grown
        self._last = -math.inf  # when the last request would have been sent by a timer that is never late
        self._paused_until = -math.inf
        self._headers_valid_until = -math.inf
        self.set_limit(per_minute, processes)

    def set_limit(self, per_minute: float, processes: int = 1) -> None:
        """Take another rate limit."""
        self.per_minute = per_minute
        self.processes = processes
        self.allowed = max(SAFETY_SHARE * per_minute / processes, 1.0)

    def rate(self) -> float:
        """Return how many requests a second others leave to us now."""
        return max(self.allowed - self._external_count, 0.0) / WINDOW

    def record_external(self, at: float, requests: int = 1) -> None:
        """Count requests that somebody else sent; what happened out of order counts as a little later."""
        self._advance(at)
        at += TRANSIT_SECONDS  # it counts from when the service got it
        at = max(at, self._external[-1][0]) if self._external else at
        self._external.append((at, requests))
        self._external_count += requests

    def pause_until(self, until: float) -> None:
        """Send nothing until then: the service asked for it."""
        self._paused_until = max(self._paused_until, until)

    def apply_headers(self, limit: RateLimit, now: float) -> None:
        """Learn from an answer how much of the limit is used: what we did not send, somebody else did."""
        self._advance(now)
        most = min(self.per_minute, limit.limit)
        self.allowed = max(SAFETY_SHARE * most / self.processes, 1.0)
        self._headers_valid_until = now + WINDOW  # as long as answers say so, and no longer
        self._record_unseen(most / self.processes - limit.remaining, now)

    def on_rate_limited(self, now: float) -> None:
        """Learn from a 429 that others use the limit too; something is left to us, since it may be of another kind."""
        self._advance(now)
        self._record_unseen((1 - MIN_SHARE) * self.allowed, now)

    def _record_unseen(self, used: float, now: float) -> None:
        """Count what was used of our part of the limit, and not sent by us."""
        unknown = math.floor(used) - len(self._sent) - self._external_count
        if unknown > 0:
            self.record_external(now, unknown)

    def available_at(self, now: float) -> float:
        """Return the earliest instant at which a request may be sent."""
        self._advance(now)
        at = max(self._credited_at(now), self._last + WINDOW / self.allowed, self._paused_until, now)
        over = math.ceil(len(self._sent) + self._external_count + 1 - self.allowed - EPSILON)
        return at if over <= 0 else max(at, self._nth_oldest(over) + WINDOW)

    def acquire(self, now: float) -> None:
        """Count a request of ours."""
        self._advance(now)
        self._sent.append(now)
        self._credit -= 1.0
        # Timers are late, now and then: what one request came late by, the next one may come early by.
        gap = WINDOW / self.allowed
        self._last = max(self._last + gap, now - min(gap, MAX_TIMER_LATENESS))

    def _advance(self, now: float) -> None:
        if now > self._headers_valid_until > -math.inf:
            self._headers_valid_until = -math.inf
            self.set_limit(self.per_minute, self.processes)
        while self._sent and self._sent[0] <= now - WINDOW:
            self._sent.popleft()
        while self._external and self._external[0][0] <= now - WINDOW:
            self._grow(self._external[0][0] + WINDOW)
            self._external_count -= self._external.popleft()[1]
        self._grow(now)

    def _grow(self, now: float) -> None:
        since = now if self._credited is None else self._credited
        self._credit = min(self._credit + self.rate() * max(now - since, 0.0), self.allowed)
        self._credited = max(now, since)

    def _credited_at(self, now: float) -> float:
        """Return when there is credit for one request; the rate rises whenever a request of somebody else expires."""
        at, missing, others = now, 1.0 - self._credit, self._external_count
        if missing <= EPSILON:
            return now
        for sent, requests in self._external:
            rate = max(self.allowed - others, 0.0) / WINDOW
            expires = max(sent + WINDOW, at)
            if missing <= rate * (expires - at):
                return at + missing / rate
            missing -= rate * (expires - at)
            at, others = expires, others - requests
        return at + missing * WINDOW / self.allowed

    def _nth_oldest(self, number: int) -> float:
        """Return when the one was sent that has to expire, and all before it, to make room."""
        at, in_order = -math.inf, heapq.merge(((sent, 1) for sent in self._sent), self._external)
        while number > 0:
            at, requests = next(in_order)
            number -= requests
        return at
