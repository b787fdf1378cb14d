"""What waiting costs the triggerer; each cost is measured in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import TYPE_CHECKING

import httpx
import psutil

from benchmarks.polling_parts.live import account, connect, event_of, trigger_of

if TYPE_CHECKING:
    from lemondata_provider.triggers.task import TaskTrigger

NAME = "costs"
ROUNDS = 5
SECONDS = 4.0  # of one round
WARM_UP = 7.0  # the first polls are sent after five seconds
TICK = 0.005
PARKED = 10_000
ENDLESS = {"progress": "none", "limit": 1_000_000}
NEVER = 1e6  # seconds of a generation


@asynccontextmanager
async def parked(triggers: Sequence[TaskTrigger]) -> AsyncIterator[list[asyncio.Task[object]]]:
    """Run triggers as the triggerer does, until the end of the block."""
    running = [asyncio.create_task(event_of(trigger)) for trigger in triggers]
    try:
        yield running
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def cpu(url: str) -> tuple[float, float]:
    """Return the milliseconds of CPU per poll, of ours and of a bare GET with a shared client at the same pace."""
    connect(url, NAME, requests_per_minute=6000)  # enough polls in a round
    pairs = []
    async with account(url, NAME, seconds=[NEVER] * 100, **ENDLESS) as (client, tasks):
        idle = await _cpu_during(asyncio.sleep(SECONDS))
        for _ in range(ROUNDS + 1):
            async with parked([trigger_of(task, NAME, poll_interval=0.5) for task in tasks]):
                await asyncio.sleep(SECONDS)
                before = (await client.get("/ledger")).json()["requests"]
                ours = await _cpu_during(asyncio.sleep(SECONDS)) - idle
                polls = (await client.get("/ledger")).json()["requests"] - before
            bare = await _cpu_during(_bare(client, polls)) - idle
            pairs.append((ours / polls * 1000, bare / polls * 1000))
    del pairs[0]  # the first run of anything is slow
    return median(ours for ours, _ in pairs), median(bare for _, bare in pairs)


async def _cpu_during(work: Awaitable[None]) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before


async def _bare(client: httpx.AsyncClient, polls: int) -> None:
    now = asyncio.get_running_loop().time
    start = now()
    for number in range(polls):
        await asyncio.sleep(max(start + number * SECONDS / polls - now(), 0.0))
        (await client.get("/v1/tasks/0")).json()


async def loop_lag(url: str) -> float:
    """Return the milliseconds by which a timer is late beside 200 triggers at 1,000 polls a minute, p99."""
    connect(url, NAME)
    late: list[float] = []
    now = asyncio.get_running_loop().time
    async with (
        account(url, NAME, seconds=[NEVER] * 200, **ENDLESS) as (_, tasks),
        parked([trigger_of(task, NAME) for task in tasks]),
    ):
        await asyncio.sleep(WARM_UP)
        until = now() + ROUNDS * SECONDS
        while (before := now()) < until:
            await asyncio.sleep(TICK)
            late.append(now() - before - TICK)
    return sorted(late)[int(0.99 * len(late))] * 1000


async def memory(url: str) -> tuple[float, int]:
    """Return the kilobytes per wait of 10,000 that were polled, and how many of them ended."""
    connect(url, NAME, requests_per_minute=20_000)
    async with (
        account(url, NAME, seconds=[NEVER] * PARKED, **ENDLESS) as (client, tasks),
        parked([trigger_of(tasks[0], NAME)]),  # loads what all share
    ):
        await asyncio.sleep(WARM_UP)
        before = _resident()
        async with parked([trigger_of(task, NAME) for task in tasks]) as waits:
            while (await client.get("/ledger")).json()["polled"] < PARKED:  # noqa: ASYNC110 # another process
                await asyncio.sleep(1)
            return (_resident() - before) / PARKED / 1024, sum(wait.done() for wait in waits)


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
