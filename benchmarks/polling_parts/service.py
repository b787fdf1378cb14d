"""The polled service: its answers and its rate limit; the same in real and in simulated time."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from lemondata_provider.sandbox.limits import Window

LIMIT = 1000  # requests in a window
WINDOW = 60.0  # seconds
TRUTHFUL = "truthful"
NONE = "none"

_GUESSES = Random(0)  # noqa: S311 # no secret

# The progress that an answer has after this part of the generation time.
PROGRESS: dict[str, Callable[[float], float | None]] = {
    NONE: lambda _: None,
    TRUTHFUL: lambda part: 100 * part,
    "stuck at 7": lambda _: 7,
    "steps of 10": lambda part: 10 * math.floor(10 * part),
    "steps of 25": lambda part: 25 * math.floor(4 * part),
    "half speed": lambda part: 50 * part,
    "double speed": lambda part: 200 * part,
    "slow, then fast": lambda part: 100 * part * part,
    "fast, then slow": lambda part: 100 * math.sqrt(part),
    "random": lambda _: _GUESSES.randint(1, 99),
}
FALSE_PROGRESS = tuple(name for name in PROGRESS if name not in (NONE, TRUTHFUL))


@dataclass(frozen=True, slots=True)
class Work:
    """
    One task at the service; times are Unix seconds.

    :param created: when it was created.
    :param seconds: how long it generates.
    :param progress: a name of PROGRESS.
    """

    id: str
    created: float
    seconds: float
    progress: str = NONE

    @property
    def ends(self) -> float:
        return self.created + self.seconds

    def answer(self, now: float) -> dict[str, Any]:
        """Return the answer to a poll, as LemonData documents it."""
        ended = now >= self.ends
        progress = PROGRESS[self.progress]((now - self.created) / self.seconds)
        answer: dict[str, Any] = {
            "id": self.id,
            "poll_url": f"/v1/tasks/{self.id}",
            "status": "completed" if ended else "processing",
            "model": "sora-2",
            "created": int(self.created),
            "updated": int(self.ends if ended else self.created),
        }
        if progress is not None:
            answer["progress"] = 100 if ended else min(99, int(progress))
        if ended:
            answer["video_url"] = f"https://cdn.example.com/{self.id}.mp4"
        return answer


class Key:
    """The rate limit of one API key, and the count of its requests."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.requests = self.refused = 0
        self._window = Window()

    def request(self, now: float) -> int:
        """Accept a request and return 0, or return the seconds of its Retry-After."""
        wait = self._window.wait(now, self.limit, WINDOW)
        self.requests += 1
        self.refused += wait > 0
        return wait
