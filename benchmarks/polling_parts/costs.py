"""What waiting costs the triggerer: `python -m benchmarks.polling_parts.costs WHAT URL`, a process for each WHAT."""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import httpx
import psutil
from airflow.triggers.base import BaseTrigger, TriggerEvent

from benchmarks.polling_parts.triggers import Created, Site, connect, events_of, trigger_of
from lemondata_provider.api.wire import LIMITS

TURNS = 10
SECONDS = 4.0  # of one turn
WARM_UP = 7.0  # the first polls come after five seconds
RATE = 6000  # requests a minute where CPU is measured: enough of them in a turn
TASKS = 100  # where CPU is measured
OFTEN = 0.5  # their poll interval: so that they are always in line
TICK = 0.005
PARKED = 10_000
NEVER = 1e6  # seconds of a generation
NO_LIMIT = 1_000_000


@asynccontextmanager
async def tasks_at(site: Site, count: int) -> AsyncIterator[tuple[httpx.AsyncClient, list[Created]]]:
    """Tasks that never end, and a client like ours."""
    body = {"seconds": [NEVER] * count, "progress": "none", "limit": NO_LIMIT}
    async with httpx.AsyncClient(base_url=site.url, headers=site.headers, limits=LIMITS) as client:
        yield client, [Created(**task) for task in (await client.post("/burst", json=body)).json()["tasks"]]


@asynccontextmanager
async def parked(triggers: Sequence[BaseTrigger]) -> AsyncIterator[None]:
    """Run triggers as the triggerer does, until the end of the block."""
    running = [asyncio.create_task(events_of(trigger)) for trigger in triggers]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def cpu(site: Site) -> dict[str, float]:
    """Milliseconds of CPU per poll, of ours and of a bare request at the same pace, in turns."""
    connect(site, RATE)
    pairs = []
    async with tasks_at(site, TASKS) as (client, tasks):
        idle = await _cpu_during(asyncio.sleep(SECONDS))
        for _ in range(TURNS + 1):
            async with parked([trigger_of(task, poll_interval=OFTEN) for task in tasks]):
                await asyncio.sleep(SECONDS)
                before = (await client.get("/ledger")).json()["polls"]
                ours = await _cpu_during(asyncio.sleep(SECONDS)) - idle
                polls = (await client.get("/ledger")).json()["polls"] - before
            bare = await _cpu_during(_bare(client, tasks[0], polls)) - idle
            pairs.append((ours / polls * 1000, bare / polls * 1000))
    del pairs[0]  # whatever runs for the first time is slow
    ours, bare = (median(values) for values in zip(*pairs, strict=True))
    ratio = median(ours / bare for ours, bare in pairs)
    return {"ours": ours, "bare": bare, "ratio": ratio, "pace": polls / SECONDS}


async def _cpu_during(work: Any) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before


async def _bare(client: httpx.AsyncClient, task: Created, polls: int) -> None:
    now = asyncio.get_running_loop().time
    start = now()
    for number in range(polls):
        await asyncio.sleep(max(start + number * SECONDS / polls - now(), 0.0))
        (await client.get(f"/v1/tasks/{task.id}")).json()


async def loop_lag(site: Site) -> dict[str, float]:
    """Milliseconds by which a timer is late, with and without 200 triggers at 1,000 requests a minute, in turns."""
    connect(site)
    late: dict[str, list[float]] = {"with": [], "without": []}
    async with tasks_at(site, 200) as (_, tasks):
        for _ in range(TURNS // 2):
            await _tick(late["without"])
            async with parked([trigger_of(task) for task in tasks]):
                await _tick([], WARM_UP)  # starting 200 triggers at once is not what is asked for
                await _tick(late["with"])
    values = {name: sorted(lags) for name, lags in late.items()}
    return {
        f"{kind} {name}": lags[min(int(part * len(lags)), len(lags) - 1)] * 1000
        for name, lags in values.items()
        for kind, part in (("p99", 0.99), ("max", 1.0))
    }


async def _tick(late: list[float], seconds: float = SECONDS) -> None:
    now = asyncio.get_running_loop().time
    until = now() + seconds
    while (before := now()) < until:
        await asyncio.sleep(TICK)
        late.append(now() - before - TICK)


class BareTrigger(BaseTrigger):
    """The least that a trigger can be."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "benchmarks.polling_parts.costs.BareTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(await asyncio.get_running_loop().create_future())


async def memory_of_ours(site: Site) -> dict[str, float]:
    """Bytes of a parked trigger; each was polled before."""
    connect(site, 20_000)

    async def all_polled(client: httpx.AsyncClient) -> None:
        while (await client.get("/ledger")).json()["polled"] < PARKED:  # noqa: ASYNC110 # no event comes from there
            await asyncio.sleep(1)

    async with tasks_at(site, PARKED) as (client, tasks):
        first = [trigger_of(tasks[0])]
        return await _memory(first, lambda: [trigger_of(task) for task in tasks], all_polled(client))


async def memory_of_bare(_: Site) -> dict[str, float]:
    """Bytes of a parked trigger that does nothing."""
    return await _memory([BareTrigger()], lambda: [BareTrigger() for _ in range(PARKED)], asyncio.sleep(WARM_UP))


async def _memory(first: list[BaseTrigger], make: Callable[[], list[BaseTrigger]], settled: Any) -> dict[str, float]:
    async with parked(first):  # loads what all share
        await asyncio.sleep(WARM_UP)
        before = _resident()
        async with parked(make()):
            await settled
            return {"bytes": (_resident() - before) / PARKED}


def _resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


WHATS = {f.__name__: f for f in (cpu, loop_lag, memory_of_ours, memory_of_bare)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(WHATS[sys.argv[1]](Site(sys.argv[2], f"sk-{sys.argv[1]}".replace("_", "-"))))))
