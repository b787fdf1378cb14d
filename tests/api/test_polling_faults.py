"""A thousand random lives of a task, polled through random faults: each wait ends in time, paced and honest."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import LemonDataError, TaskNotFoundError
from lemondata_provider.api.forecast import TOLERANCE, TOLERANCE_SECONDS
from lemondata_provider.api.pauses import MAX_RETRY_AFTER
from lemondata_provider.api.polling import (
    AUTH_GRACE_SECONDS,
    MAX_POLLS_FOR_VIDEO,
    Completed,
    Failed,
    PollAgain,
    PollResult,
    TaskPoller,
    TaskWait,
)
from lemondata_provider.api.task import Task

START = 1_800_000_000.0
POLL_URL = "/v1/tasks/ldtask_1"


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"json": {"error": {"code": code, "message": "no", **more}}}


FAULTS: dict[str, dict[str, Any] | type[httpx.TransportError]] = {
    "refused": httpx.ConnectError,
    "reset": httpx.ReadError,
    "timeout": httpx.ReadTimeout,
    "closed": httpx.RemoteProtocolError,
    "429": {"status_code": 429, **error("rate_limit_exceeded")},
    "429 for 20 s": {"status_code": 429, **error("rate_limit_exceeded"), "headers": {"Retry-After": "20"}},
    "429 for a year": {"status_code": 429, **error("rate_limit_exceeded", retry_after=3e7)},
    "429 for a word": {"status_code": 429, "headers": {"Retry-After": "soon"}},
    "500": {"status_code": 500, **error("server_error")},
    "502": {"status_code": 502, "html": "<h1>Bad Gateway</h1>"},
    "503": {"status_code": 503, **error("all_channels_failed", retryable=True, retry_after=2)},
    "503 for good": {"status_code": 503, **error("all_channels_failed", retryable=False)},
    "400": {"status_code": 400, **error("invalid_request_error")},
    "401": {"status_code": 401, **error("invalid_api_key")},
    "403": {"status_code": 403, **error("access_denied")},
    "404": {"status_code": 404, **error("async_task_not_found")},
    "404 of a proxy": {"status_code": 404, "html": "<h1>Not Found</h1>"},
    "unreadable": {"status_code": 200, "text": "<<< no JSON here >>>"},
    "truncated": {"status_code": 200, "text": '{"id": "ldtask_1", "status": "comp'},
    "a list": {"status_code": 200, "json": [{"status": "completed"}]},
    "redirect in a circle": {"status_code": 302, "headers": {"Location": POLL_URL}},
    "redirect elsewhere": {"status_code": 307, "headers": {"Location": "https://elsewhere.test/"}},
}
REFUSALS = {"AuthenticationError", "AccessDeniedError", "NotFoundError"}
ENDS = {
    "TaskFailedError",
    "TaskNotFoundError",
    "MissingVideoError",
    "TaskTimeoutError",
    *REFUSALS,
}


class FaultyService:
    """LemonData, which gives the answer that the test has chosen."""

    answer: str

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "api.tokenlab.sh":
            return httpx.Response(200, text="welcome")
        fault = FAULTS.get(self.answer) or {"status_code": 200, "text": self.answer}
        if isinstance(fault, type):
            raise fault("the wire broke", request=request)
        return httpx.Response(**fault)


SERVICE = FaultyService()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client("sk-0123456789", transport=httpx.MockTransport(SERVICE)) as client:
        yield client


@cache
def poll(client: Client, answer: str) -> Task | LemonDataError:
    """Return what the client makes of an answer: the same each time, so each answer takes its way through it once."""
    SERVICE.answer = answer
    try:
        return client.send_once(calls.get_task(POLL_URL, "ldtask_1"))
    except LemonDataError as error:
        return error


@dataclass
class Life:
    """What becomes of a task, and what answers tell of it."""

    rng: random.Random
    seconds: float
    end: str
    created: float | None
    progress: str
    polls_without_video: int
    error: float  # the share of polls that meet a fault
    faults: list[str]
    polls: int = 0
    fault: str | None = None
    lasts: int = 0

    @classmethod
    def random(cls, rng: random.Random, timeout: float) -> Life:
        return cls(
            rng,
            seconds=rng.choice([0.01, 0.2, 0.5, 0.9, 1.1]) * timeout,
            end=rng.choice(["completed", "succeeded", "completed", "failed", "forgotten", "never"]),
            created=rng.choice([None, START, START + 86_400, 0, START * 1000, -1e300]),
            progress=rng.choice(["none", "honest", "stuck", "any", "absurd"]),
            polls_without_video=rng.choice([0, 0, 0, 1, MAX_POLLS_FOR_VIDEO, MAX_POLLS_FOR_VIDEO + 1, 10**6]),
            error=rng.choice([0, 0.05, 0.1, 0.5, 1]),
            faults=rng.sample(list(FAULTS), rng.randint(1, 6)),
        )

    def answer(self, now: float) -> str:
        """Return the name of a fault, which may last for some polls, or the JSON of an answer."""
        if self.lasts == 0 and self.rng.random() < self.error:
            self.fault, self.lasts = self.rng.choice(self.faults), self.rng.choice([1, 1, 1, 2, 3, 20])
        if self.lasts:
            self.lasts -= 1
            return str(self.fault)
        if now - START < self.seconds or self.end == "never":
            return json.dumps({"status": self.rng.choice(["pending", "processing", "queued"]), **self._reported(now)})
        if self.end == "forgotten":
            return "404"
        self.polls += 1
        video = {"video_url": "https://x.test/v.mp4"} if self.polls > self.polls_without_video else {}
        return json.dumps({"status": self.end, **video})

    def _reported(self, now: float) -> dict[str, Any]:
        values = {
            "honest": int(100 * (now - START) / self.seconds),
            "stuck": 99,
            "any": self.rng.choice([0, 1, 50, 99, 100]),
            "absurd": self.rng.choice([-5, 1e300, "soon", [100], 1e-9]),
        }
        return {"created": self.created, "progress": values.get(self.progress)}


@dataclass
class Watch:
    """One wait, on a clock that its pauses and polls move."""

    client: Client
    life: Life
    wait: TaskPoller
    latency: float
    now: float = START
    seen: list[Task | LemonDataError] = field(default_factory=list)

    def until_the_end(self) -> Completed | Failed:
        step: PollResult = self.wait.start(self.now)
        while isinstance(step, PollAgain):
            assert step.delay >= 0
            assert len(self.seen) < 10_000, "an endless wait"
            self.now += step.delay
            outcome = poll(self.client, self.life.answer(self.now))
            self.now += self.latency
            self.seen.append(outcome)
            if isinstance(outcome, LemonDataError):
                step = self.wait.on_error(outcome, self.now)
            else:
                step = self.wait.on_task(outcome, self.now)
            if isinstance(step, PollAgain) and step.error and step.error.retry_after:
                asked = min(step.error.retry_after, MAX_RETRY_AFTER)
                assert step.delay >= min(asked, self.wait.wait.deadline - self.now)
        return step

    @property
    def latest_end(self) -> float:
        """After the deadline one more poll counts, and nothing goes on."""
        return max(self.wait.wait.deadline, START) + 2 * self.latency + 1e-6

    @property
    def most_polls(self) -> float:
        """
        There is a poll for each interval that passed, and one for each pause that may be shorter than that.

        These pauses are those that progress called for (until it is clear that it is false), those for a video, those
        of a doubt, and the one that the deadline cuts short (twice, where the clock's last digit falls short of it).
        """
        doubts = sum(isinstance(outcome, TaskNotFoundError) for outcome in self.seen)
        intervals = (self.now - START) / self.wait.wait.poll_interval
        predicted = 2 + TOLERANCE_SECONDS + TOLERANCE * (self.now - START)
        return intervals + predicted + MAX_POLLS_FOR_VIDEO + doubts + 2


def watched(client: Client, seed: int) -> tuple[Watch, Completed | Failed]:
    rng = random.Random(seed)  # noqa: S311 # nothing secret
    interval = rng.choice([0.5, 2.0, 5.0, 5.0, 30.0, 120.0])
    timeout = interval * rng.choice([-1, 3, 10, 30, 100])
    wait = TaskPoller(TaskWait("ldtask_1", POLL_URL, "c", START + timeout, interval), jitter=rng.random)
    watch = Watch(client, Life.random(rng, abs(timeout)), wait, latency=rng.choice([0.0, 0.05, 1.0, 2 * interval]))
    return watch, watch.until_the_end()


def assert_honest(watch: Watch, ended: Completed | Failed) -> None:
    last = watch.seen[-1]
    if isinstance(ended, Completed):
        assert ended.task is last
        assert ended.task.videos
        return
    kind = type(ended.error).__name__
    assert kind in ENDS
    assert "task_id=ldtask_1" in str(ended.error)
    assert f"poll_url={POLL_URL}" in str(ended.error)
    assert kind != "TaskTimeoutError" or watch.now >= watch.wait.wait.deadline
    assert kind != "TaskFailedError" or watch.life.end == "failed"
    assert kind != "TaskNotFoundError" or [type(each) for each in watch.seen[-2:]] == [TaskNotFoundError] * 2
    assert kind not in REFUSALS or watch.now >= START + AUTH_GRACE_SECONDS


@pytest.mark.slow  # explores
def test_task_poller_thousand_faulty_lives_end_in_time_with_true_results(client):
    ends: Counter[str] = Counter()
    for seed in range(1000):
        watch, ended = watched(client, seed)
        assert watch.now <= watch.latest_end, seed
        assert len(watch.seen) <= watch.most_polls, seed
        assert_honest(watch, ended)
        ends[type(ended.error).__name__ if isinstance(ended, Failed) else "Completed"] += 1
    assert set(ends) == ENDS | {"Completed"}
    assert min(count for kind, count in ends.items() if kind not in REFUSALS) >= 10, ends
