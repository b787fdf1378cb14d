"""Every variation of the documented API, walked through all five ways of using it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.task import Task, TaskStatus
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.triggers.events import read_event
from lemondata_provider.triggers.task import TaskTrigger

VARIATIONS: dict[str, dict[str, Any]] = {
    "as documented": {},
    "only id": {"id_field": "id"},
    "only task_id": {"id_field": "task_id"},
    "no id, only a poll URL": {"id_field": "none"},
    "absolute poll URL": {"poll_url_form": "absolute"},
    "no poll URL": {"poll_url_form": "missing"},
    "poll URL of the compatibility endpoint": {"poll_url_form": "compatibility"},
    "poll URL with a query that must come back": {"poll_url_form": "query"},
    "poll URL on another host": {"poll_url_form": "elsewhere"},
    "polls do not repeat the poll URL": {"poll_url_in_polls": False, "id_field": "id"},
    "ids of the other kind": {"id_prefix": "video_"},
    "older names of times": {"time_fields": "old"},
    "ISO times": {"time_fields": "iso"},
    "no times": {"time_fields": "none"},
    "succeeded": {"completed_word": "succeeded"},
    "an unknown word for processing": {"processing_word": "rendering_on_the_moon"},
    "an unknown word for pending": {"pending_word": "in_queue"},
    "progress in percent": {"progress": "percent"},
    "no progress": {"progress": "missing"},
    "stuck progress": {"progress": "stuck"},
    "progress of the wrong type": {"progress": "wrong_type"},
    "video in `video`": {"video_form": "video"},
    "videos in `videos`": {"video_form": "videos"},
    "videos as plain URLs": {"video_form": "urls"},
    "video everywhere": {"video_form": "all"},
    "the video URL comes late": {"video_url_late": 2},
    "fields nobody documented": {"unknown_fields": True},
    "optional fields of the wrong type": {"wrong_types": True},
    "rate limit headers": {"rate_limit_headers": True},
    "a gateway's prefix": {"path_prefix": "/gateway"},
}
FAILURES: dict[str, dict[str, Any]] = {
    "failed": {},
    "expired": {"failed_word": "expired"},
    "cancelled": {"failed_word": "cancelled"},
    "canceled": {"failed_word": "canceled"},
    "error": {"failed_word": "error"},
    "the error as a string": {"error_form": "string"},
}

Use = Callable[[Any, dict[str, Any], str], Awaitable[dict[str, Any]]]


def polled(task: Task) -> dict[str, Any]:
    if task.status is TaskStatus.FAILED:
        raise LemonDataError(task.error.message if task.error and task.error.message else "")
    return task.result()


async def by_client(sandbox: Any, context: dict[str, Any], prompt: str) -> dict[str, Any]:
    def use() -> dict[str, Any]:
        with Client(sandbox.api_key, base_url(sandbox)) as client:
            task = client.send(calls.submit_video(VideoRequest.checked(prompt=prompt)))
            call = calls.get_task(task.poll_url, task.id)
            while not (task.status is TaskStatus.FAILED or task.videos):
                time.sleep(0.02)
                task = client.send(call)
            return polled(task)

    return await asyncio.to_thread(use)


async def by_async_client(sandbox: Any, context: dict[str, Any], prompt: str) -> dict[str, Any]:
    async with AsyncClient(sandbox.api_key, base_url(sandbox)) as client:
        task = await client.send(calls.submit_video(VideoRequest.checked(prompt=prompt)))
        call = calls.get_task(task.poll_url, task.id)
        while not (task.status is TaskStatus.FAILED or task.videos):
            await asyncio.sleep(0.02)
            task = await client.send(call)
        return polled(task)


def submitted(context: dict[str, Any], prompt: str, **options: Any) -> dict[str, Any]:
    return SubmitVideoOperator(task_id="submit", prompt=prompt, poll_interval=0.02, **options).execute(context)


async def by_operator(sandbox: Any, context: dict[str, Any], prompt: str) -> dict[str, Any]:
    return await asyncio.to_thread(submitted, context, prompt, wait_for_completion=True, deferrable=False)


async def by_sensor(sandbox: Any, context: dict[str, Any], prompt: str) -> dict[str, Any]:
    sensor = TaskSensor(
        task_id="wait", poll_url=submitted(context, prompt), poke_interval=0.02, timeout=20, deferrable=False
    )
    return await asyncio.to_thread(sensor.execute, context)


async def by_trigger(sandbox: Any, context: dict[str, Any], prompt: str) -> dict[str, Any]:
    submit = submitted(context, prompt)
    about = {"task_id": submit["task_id"], "poll_url": submit["poll_url"]}
    trigger = TaskTrigger(**about, poll_interval=0.02, deadline=time.time() + 20)
    events = [read_event(event.payload, **about) async for event in trigger.run()]
    if error := events[0].exception():
        raise error
    return events[0].completed(submit)


USES: dict[str, Use] = {
    "Client": by_client,
    "AsyncClient": by_async_client,
    "operator": by_operator,
    "sensor": by_sensor,
    "trigger": by_trigger,
}


def base_url(sandbox: Any) -> str:
    return f"{sandbox.url}{sandbox.settings.path_prefix}"


@pytest.fixture
def varied(sandbox, monkeypatch):
    def vary(settings: dict[str, Any]) -> Any:
        sandbox.configure(generation_seconds=0.1, pending_seconds=0.05, **settings)
        uri = sandbox.connection_uri.replace(sandbox.url, base_url(sandbox))
        monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", uri)
        return sandbox

    return vary


async def in_all_ways(sandbox: Any, context: dict[str, Any], prompt: str) -> dict[str, Any]:
    """Return what each way of using the API came to: a result or an error. They run at the same time."""
    ends = await asyncio.gather(*(use(sandbox, context, prompt) for use in USES.values()), return_exceptions=True)
    return dict(zip(USES, ends, strict=True))


@pytest.mark.parametrize("variation", VARIATIONS.values(), ids=VARIATIONS.keys())
async def test_every_documented_form_leads_to_the_video_with_one_create_each(varied, context, variation):
    sandbox = varied(variation)
    results = await in_all_ways(sandbox, context, "a cat")
    assert {way: end["status"] for way, end in results.items()} == dict.fromkeys(USES, "completed")
    assert {end["task_id"] for end in results.values()} == {create.id for create in sandbox.ledger.creates}
    assert all(end["video_url"].endswith(f"{end['task_id']}.mp4") and end["poll_url"] for end in results.values())
    assert len(sandbox.ledger.creates) == len(USES)


@pytest.mark.parametrize("variation", FAILURES.values(), ids=FAILURES.keys())
async def test_every_word_for_a_failure_ends_with_the_reason(varied, context, variation):
    sandbox = varied(variation)
    ends = await in_all_ways(sandbox, context, "[fail:no sun today]")
    assert all(isinstance(end, (LemonDataError, AirflowFailException)) for end in ends.values()), ends
    assert all("no sun today" in str(end) for end in ends.values())
    assert len(sandbox.ledger.creates) == len(USES)


async def test_a_failure_whose_reason_has_the_wrong_type_still_ends(varied, context):
    ends = await in_all_ways(varied({"wrong_types": True}), context, "[fail:no sun today]")
    assert all(isinstance(end, (LemonDataError, AirflowFailException)) for end in ends.values()), ends


@pytest.mark.parametrize("form", ["both", "id", "task_id"])
async def test_completed_without_a_video_is_an_error_with_the_poll_url_after_three_more_polls(varied, context, form):
    sandbox = varied({"video_form": "none", "id_field": form})
    for use in (by_operator, by_sensor, by_trigger):
        before = sandbox.ledger.requests("poll")
        with pytest.raises((LemonDataError, AirflowFailException), match="no answer shows a video URL") as failure:
            await use(sandbox, context, "a cat")
        assert failure.value.poll_url == f"/v1/tasks/{sandbox.ledger.creates[-1].id}"
        assert sandbox.ledger.requests("poll") - before >= 4


@pytest.mark.slow
def test_a_task_that_was_forgotten_ends_every_way_of_waiting(varied, context):
    sandbox = varied({"forget_after": 0.0})

    def failure_of(use: Use) -> BaseException:
        with pytest.raises((LemonDataError, AirflowFailException)) as failure:
            asyncio.run(use(sandbox, context, "a cat"))
        return failure.value

    started = time.monotonic()
    with ThreadPoolExecutor(3) as together:  # each waits 10 s for the second poll that confirms the first
        failures = list(together.map(failure_of, (by_operator, by_sensor, by_trigger)))
    assert all("404 async_task_not_found" in str(failure) for failure in failures)
    assert all(failure.poll_url for failure in failures)
    assert time.monotonic() - started >= 10
