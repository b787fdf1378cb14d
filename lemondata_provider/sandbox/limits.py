"""The rate limit: a sliding window over the calls of one key."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Window:
    """The instants of the calls that still count."""

    calls: deque[float] = field(default_factory=deque)

    def wait(self, now: float, limit: int, seconds: float) -> int:
        """Let a call in and return 0, or return how many whole seconds it has to wait."""
        while self.calls and self.calls[0] <= now - seconds:
            self.calls.popleft()
        if len(self.calls) >= limit:
            oldest = self.calls[0] if self.calls else now
            return max(1, math.ceil(oldest + seconds - now))
        self.calls.append(now)
        return 0

    def headers(self, now: float, limit: int, seconds: float) -> dict[str, str]:
        """What the answer says about the window."""
        oldest = self.calls[0] if self.calls else now
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - len(self.calls))),
            "X-RateLimit-Reset": str(math.ceil(oldest + seconds)),
        }
