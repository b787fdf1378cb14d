"""The policies in real time: triggers as Airflow runs them, all in one event loop."""

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import aiohttp
import httpx
from airflow.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger

from benchmarks.polling_parts.policies import POLL_INTERVAL
from benchmarks.polling_parts.service import LIMIT
from lemondata_provider.api.rate_limiter import RateLimiter
from lemondata_provider.api.wire import LIMITS

FAR = 86_400.0  # seconds
IN_FLIGHT = 4  # more than that at a time only slows httpx down


class Site(NamedTuple):
    """Where the service is, and the key to it."""

    url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


class Created(NamedTuple):
    """One task that was created; times are Unix seconds."""

    id: str
    created: float
    ends: float


Found = Callable[[str], None]
Policy = Callable[[Site, Sequence[Created], Found], Awaitable[Any]]


async def events_of(trigger: BaseTrigger) -> list[Any]:
    return [event.payload async for event in trigger.run()]


async def plain(site: Site, tasks: Sequence[Created], found: Found) -> None:
    """Every trigger alone, every five seconds; they share one client, which is more than most do."""
    one_of_few = asyncio.Semaphore(IN_FLIGHT)
    async with httpx.AsyncClient(base_url=site.url, headers=site.headers, limits=LIMITS) as client:

        async def wait_for(task: Created) -> None:
            while True:
                await asyncio.sleep(POLL_INTERVAL)
                async with one_of_few:
                    answer = await client.get(f"/v1/tasks/{task.id}")
                if answer.is_success and answer.json()["status"] == "completed":
                    return found(task.id)

        await asyncio.gather(*map(wait_for, tasks))


async def round_robin(site: Site, tasks: Sequence[Created], found: Found) -> None:
    """One pacer for all, without any knowledge: whoever was polled is the last again."""
    limiter, line, now = RateLimiter(LIMIT), deque(tasks), asyncio.get_running_loop().time
    limiter.record_external(now(), len(tasks))
    left = len(tasks)
    async with httpx.AsyncClient(base_url=site.url, headers=site.headers, limits=LIMITS) as client:

        async def poll(task: Created) -> None:
            nonlocal left
            answer = await client.get(f"/v1/tasks/{task.id}")
            if answer.is_success and answer.json()["status"] == "completed":
                left -= 1
                found(task.id)
                return
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                limiter.pause_until(now() + float(answer.headers["Retry-After"]))
            line.append(task)

        polls: set[asyncio.Task[None]] = set()
        while left:
            await asyncio.sleep(max(limiter.available_at(now()) - now(), 0.0))
            if line and limiter.available_at(now()) <= now():
                limiter.acquire(now())
                polls.add(begun := asyncio.create_task(poll(line.popleft())))
                begun.add_done_callback(polls.discard)
            else:
                await asyncio.sleep(0.001)


async def http_sensor(site: Site, tasks: Sequence[Created], found: Found) -> None:
    """
    What HttpSensorTrigger does: a session of its own for each poll, and a 404 means "not yet".

    But not after a 429: there it asks again at once, by the thousand, until it is let in. Here it waits as after a 404.
    """
    from airflow.providers.http.hooks.http import HttpAsyncHook  # noqa: PLC0415 # each policy pays for its own imports

    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": site.url})

    async def wait_for(task: Created) -> None:
        hook = HttpAsyncHook(method="GET")
        while True:
            try:
                async with aiohttp.ClientSession() as session:
                    await hook.run(session=session, endpoint=f"/v1/ended/{task.id}", headers=site.headers)
                return found(task.id)
            except AirflowException:
                await asyncio.sleep(POLL_INTERVAL)

    await asyncio.gather(*map(wait_for, tasks))


async def openai_batch(site: Site, tasks: Sequence[Created], found: Found) -> None:
    """OpenAIBatchTrigger itself: its client blocks the loop, and after a 429 it sleeps there."""
    from airflow.providers.openai.triggers.openai import OpenAIBatchTrigger  # noqa: PLC0415 # the same

    connection = {"conn_type": "openai", "host": f"{site.url}/v1", "password": site.key}
    os.environ["AIRFLOW_CONN_OPENAI_DEFAULT"] = json.dumps(connection)

    async def wait_for(task: Created) -> None:
        (event,) = await events_of(OpenAIBatchTrigger("openai_default", task.id, POLL_INTERVAL, timeout=FAR))
        if event["status"] == "success":
            found(task.id)

    await asyncio.gather(*map(wait_for, tasks))


def connect(site: Site, requests_per_minute: int = LIMIT) -> None:
    """Let TaskTrigger find the service."""
    extra = {"requests_per_minute": requests_per_minute}
    connection = {"conn_type": "lemondata", "host": site.url, "password": site.key, "extra": extra}
    os.environ["AIRFLOW_CONN_LEMONDATA_DEFAULT"] = json.dumps(connection)


def trigger_of(task: Created, **options: Any) -> BaseTrigger:
    from lemondata_provider.triggers.task import TaskTrigger  # noqa: PLC0415 # the same

    return TaskTrigger(
        task_id=task.id,
        poll_url=f"/v1/tasks/{task.id}",
        deadline=time.time() + FAR,
        **{"model": "sora-2", "created": task.created, **options},
    )


async def ours(site: Site, tasks: Sequence[Created], found: Found) -> None:
    """TaskTrigger, with one poll hub for all."""
    connect(site)

    async def wait_for(task: Created) -> None:
        (event,) = await events_of(trigger_of(task, last_request_at=task.created))
        if event["error"] is None:
            found(task.id)

    await asyncio.gather(*map(wait_for, tasks))


POLICIES: dict[str, Policy] = {
    "plain": plain,
    "http_sensor": http_sensor,
    "openai_batch": openai_batch,
    "round_robin": round_robin,
    "ours": ours,
}
