"""Task triggers in real time, as the triggerer runs them: all in one event loop."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import httpx

from benchmarks.polling_parts.scenarios import chance_of, generation_times
from benchmarks.polling_parts.service import LIMIT
from benchmarks.polling_parts.simulation import Outcome
from lemondata_provider.api.wire import LIMITS

if TYPE_CHECKING:
    from lemondata_provider.triggers.task import TaskTrigger

DEADLINE = 86_400.0  # seconds
SECONDS = 160.0  # of a burst
WRITE_SECONDS = 0.05
COUNTED = 145.0  # longer generations do not count: they would double the duration


class Created(NamedTuple):
    """A created task; times are Unix seconds."""

    number: int
    created: float
    ends: float


@asynccontextmanager
async def account(url: str, name: str, **burst: Any) -> AsyncIterator[tuple[httpx.AsyncClient, list[Created]]]:
    """Create tasks with a key of their own; return a client with that key, and the tasks."""
    headers = {"Authorization": f"Bearer sk-{name}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=LIMITS, timeout=30) as client:
        tasks = (await client.post("/burst", json=burst)).json()
        yield client, [Created(number, *times) for number, times in enumerate(tasks)]


def connect(url: str, name: str, requests_per_minute: int = LIMIT) -> None:
    """Define the Airflow connection for the key of an account."""
    extra = {"requests_per_minute": requests_per_minute}
    connection = {"conn_type": "lemondata", "host": url, "password": f"sk-{name}", "extra": extra}
    os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)


def trigger_of(task: Created, name: str, **options: Any) -> TaskTrigger:
    from lemondata_provider.triggers.task import TaskTrigger  # noqa: PLC0415 # imports Airflow

    return TaskTrigger(
        task_id=str(task.number),
        poll_url=f"/v1/tasks/{task.number}",
        deadline=time.time() + DEADLINE,
        lemondata_conn_id=name,
        model="sora-2",
        created=task.created,
        **options,
    )


async def event_of(trigger: TaskTrigger) -> Any:
    (event,) = [event.payload async for event in trigger.run()]
    return event


async def bursts(url: str, size: int, runs: Sequence[tuple[str, int]]) -> tuple[list[Outcome], float]:
    """
    Run a burst for each pair of progress and seed, all at the same time.

    Return what came of them, and how many writes of their progress there were in a second. A write takes as long as a
    request to Airflow's API server.
    """
    from lemondata_provider.triggers.hub_registry import registry_for_running_loop  # noqa: PLC0415 # imports Airflow
    from lemondata_provider.triggers.progress import ProgressWriter  # noqa: PLC0415 # the same

    written: list[float] = []

    def write(*_: object) -> None:
        time.sleep(WRITE_SECONDS)
        written.append(time.monotonic())

    registry_for_running_loop().progress = ProgressWriter(write)
    outcomes = await asyncio.gather(*(_burst(url, size, progress, seed) for progress, seed in runs))
    return outcomes, (len(written) - 1) / (written[-1] - written[0])


async def _burst(url: str, size: int, progress: str, seed: int) -> Outcome:
    name = f"{progress}{seed}"
    connect(url, name)
    detected: dict[int, float] = {}

    async def wait_for(task: Created) -> None:
        trigger = trigger_of(task, name, last_request_at=task.created)
        key = {"dag_id": "burst", "run_id": name, "task_id": str(task.number), "map_index": -1}
        cast(Any, trigger).task_instance = SimpleNamespace(**key)
        event = await event_of(trigger)
        if event["error"] is None:
            detected[task.number] = time.time()

    seconds = generation_times(size, chance_of(seed))
    async with account(url, name, seconds=seconds, progress=progress) as (client, tasks):
        waits = [asyncio.create_task(wait_for(task)) for task in tasks]
        await asyncio.wait(waits, timeout=SECONDS)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        ledger = (await client.get("/ledger")).json()
    counted = [task for task in tasks if seconds[task.number] <= COUNTED]
    lags = {task.number: detected.get(task.number, time.time()) - task.ends for task in counted}
    return Outcome(lags, ledger["refused"])
