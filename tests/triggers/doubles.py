"""Fakes for the tests of the hubs: a service, its clients, and Airflow's metrics."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from lemondata_provider.api.errors import AnswerLostError
from lemondata_provider.api.polling import TaskWait
from lemondata_provider.api.task import Task
from lemondata_provider.hooks import metrics
from lemondata_provider.hooks.settings import ConnectionSettings

FAST = 600_000.0  # requests per minute: one every 0.1 ms


def settings(**changes: Any) -> ConnectionSettings:
    return ConnectionSettings(
        **{"api_key": "sk-a-key-1234", "base_url": "http://127.0.0.1:1", "requests_per_minute": FAST, **changes}
    )


def waiting(name: str = "one", seconds: float = 30, **changes: Any) -> TaskWait:
    defaults = {"task_id": name, "poll_url": f"/v1/tasks/{name}", "lemondata_conn_id": "lemondata_default"}
    return TaskWait(**{**defaults, "poll_interval": 0.01, "deadline": time.time() + seconds, **changes})


def answer(task_id: str, status: str = "completed", **fields: Any) -> Task:
    payload = {"status": status, "video_url": "https://cdn/clip.mp4" if status == "completed" else None, **fields}
    return Task.read(payload, task_id, f"/v1/tasks/{task_id}")


class FakeTaskService:
    """LemonData for every client that it makes: returns the state of each task, and counts the polls."""

    def __init__(self) -> None:
        self.ends: dict[str, Any] = {}  # what comes instead of "processing", by task
        self.delays: dict[str, float] = {}
        self.asked: Counter[str] = Counter()
        self.times: list[float] = []
        self.clients: list[Client] = []
        self.in_flight = self.most_in_flight = 0

    def client(self, **options: Any) -> Any:
        self.clients.append(Client(self, options))
        return self.clients[-1]


class Client:
    def __init__(self, service: FakeTaskService, options: dict[str, Any]) -> None:
        self.service = service
        self.options = options
        self.closed = False

    async def send_once(self, call: Any) -> Task:
        service, task_id = self.service, call.error_context["task_id"]
        service.asked[task_id] += 1
        service.times.append(time.monotonic())
        service.in_flight += 1
        service.most_in_flight = max(service.most_in_flight, service.in_flight)
        try:
            await asyncio.wait_for(asyncio.sleep(service.delays.get(task_id, 0)), call.timeout)
        except asyncio.TimeoutError:
            raise AnswerLostError("too slow") from None
        finally:
            service.in_flight -= 1
        end = service.ends.get(task_id, answer(task_id, "processing"))
        if isinstance(end, list):
            end = end.pop(0) if end else answer(task_id)
        if callable(end):
            end = end()
        if isinstance(end, BaseException):
            raise end
        assert isinstance(end, Task)
        return end

    async def close(self) -> None:
        self.closed = True


class Metrics(metrics.Metrics):
    """Metrics that are their own statistics."""

    def __init__(self) -> None:
        super().__init__(self)
        self.counts: Counter[str] = Counter()
        self.levels: list[tuple[str, float]] = []
        self.times: list[tuple[str, float, Any]] = []

    def incr(self, stat: str, count: Any = 1, *, tags: Any = None) -> None:
        self.counts[stat] += count

    def gauge(self, stat: str, value: float, *, tags: Any = None) -> None:
        self.levels.append((stat, value))

    def timing(self, stat: str, dt: Any, *, tags: Any = None) -> None:
        self.times.append((stat, dt.total_seconds(), tags))


async def cancel(*waits: asyncio.Future[Any]) -> None:
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def until(done: Any) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
