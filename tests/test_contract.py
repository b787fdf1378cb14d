"""Every documented variation of an answer, through all five ways to wait for a video."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.task import STATUS_WORDS, Task, TaskStatus
from lemondata_provider.catalog import load
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.triggers.task import TaskTrigger

VARIATIONS: dict[str, dict[str, Any]] = {
    "as documented": {},
    "id, no task_id": {"id_field": "id"},
    "task_id, no id": {"id_field": "task_id"},
    "poll URL, no id": {"id_field": "none"},
    "absolute poll URL": {"poll_url_form": "absolute"},
    "no poll URL": {"poll_url_form": "missing"},
    "poll URL of the compatibility endpoint": {"poll_url_form": "compatibility"},
    "poll URL with a query": {"poll_url_form": "query"},
    "poll URL on another host": {"poll_url_form": "elsewhere"},
    "polls without a poll URL": {"poll_url_in_polls": False, "id_field": "id"},
    "ids with the prefix video_": {"id_prefix": "video_"},
    "created_at and completed_at": {"time_fields": "old"},
    "ISO timestamps": {"time_fields": "iso"},
    "no timestamps": {"time_fields": "none"},
    "succeeded": {"completed_word": "succeeded"},
    "an unknown status while processing": {"processing_word": "rendering_on_the_moon"},
    "an unknown status while pending": {"pending_word": "in_queue"},
    "progress in percent": {"progress": "percent"},
    "no progress": {"progress": "missing"},
    "stuck progress": {"progress": "stuck"},
    "progress of the wrong type": {"progress": "wrong_type"},
    "video in `video`": {"video_form": "video"},
    "videos in `videos`": {"video_form": "videos"},
    "videos as plain URLs": {"video_form": "urls"},
    "video everywhere": {"video_form": "all"},
    "the video URL appears late": {"video_url_late": 2},
    "undocumented fields": {"unknown_fields": True},
    "optional fields of the wrong type": {"wrong_types": True},
    "rate limit headers": {"rate_limit_headers": True},
    "a gateway's path prefix": {"path_prefix": "/gateway"},
}
FAILURES: dict[str, dict[str, Any]] = {
    **{word: {"failed_word": word} for word, status in STATUS_WORDS.items() if status is TaskStatus.FAILED},
    "the error as a string": {"error_form": "string"},
}
SECONDS = 20.0  # that all waits may take

Run = Callable[[Any, Any, str], Coroutine[Any, Any, dict[str, Any]]]
Configure = Callable[[dict[str, Any]], Any]


def has_ended(task: Task, deadline: float) -> bool:
    assert time.monotonic() < deadline, f"the task is {task.raw_status} still"
    return task.status is TaskStatus.FAILED or bool(task.videos)


def result_of(task: Task) -> dict[str, Any]:
    if task.status is TaskStatus.FAILED:
        raise LemonDataError(task.error.message if task.error and task.error.message else "")
    return task.result()


async def by_client(sandbox: Any, context: Any, prompt: str) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        with Client(sandbox.api_key, base_url(sandbox)) as client:
            task = client.send(calls.submit_video(VideoRequest.checked(model="sora-2", prompt=prompt)))
            call = calls.get_task(task.poll_url, task.id)
            deadline = time.monotonic() + SECONDS
            while not has_ended(task, deadline):
                time.sleep(0.02)
                task = client.send(call)
            return result_of(task)

    return await asyncio.to_thread(run)


async def by_async_client(sandbox: Any, context: Any, prompt: str) -> dict[str, Any]:
    async with AsyncClient(sandbox.api_key, base_url(sandbox)) as client:
        task = await client.send(calls.submit_video(VideoRequest.checked(model="sora-2", prompt=prompt)))
        call = calls.get_task(task.poll_url, task.id)
        deadline = time.monotonic() + SECONDS
        while not has_ended(task, deadline):
            await asyncio.sleep(0.02)
            task = await client.send(call)
        return result_of(task)


def submit(context: Any, prompt: str, **options: Any) -> dict[str, Any]:
    return SubmitVideoOperator(task_id="submit", model="sora-2", prompt=prompt, poll_interval=0.02, **options).execute(
        context
    )


async def by_operator(sandbox: Any, context: Any, prompt: str) -> dict[str, Any]:
    return await asyncio.to_thread(submit, context, prompt, wait_for_completion=True, deferrable=False)


async def by_sensor(sandbox: Any, context: Any, prompt: str) -> dict[str, Any]:
    sensor = TaskSensor(
        task_id="wait", poll_url=submit(context, prompt), poke_interval=0.02, timeout=SECONDS, deferrable=False
    )
    return await asyncio.to_thread(sensor.execute, context)


async def by_trigger(sandbox: Any, context: Any, prompt: str) -> dict[str, Any]:
    result = submit(context, prompt)
    names = {"task_id": result["task_id"], "poll_url": result["poll_url"]}
    trigger = TaskTrigger(**names, poll_interval=0.02, deadline=time.time() + SECONDS)
    (event,) = [event.payload async for event in trigger.run()]
    return SubmitVideoOperator(task_id="submit", model="sora-2", prompt=prompt).execute_complete(context, event, result)


RUNS: dict[str, Run] = {
    "Client": by_client,
    "AsyncClient": by_async_client,
    "operator": by_operator,
    "sensor": by_sensor,
    "trigger": by_trigger,
}
WAITS = ("operator", "sensor", "trigger")  # they decide themselves when a task has ended


def base_url(sandbox: Any) -> str:
    return f"{sandbox.url}{sandbox.settings.path_prefix}"


@pytest.fixture
def configured_sandbox(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Configure:
    def configure(settings: dict[str, Any]) -> Any:
        sandbox.configure(generation_seconds=0.05, pending_seconds=0.02, **settings)
        uri = sandbox.connection_uri.replace(sandbox.url, base_url(sandbox))
        monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", uri)
        return sandbox

    return configure


async def run_all(sandbox: Any, context: Any, prompt: str, names: Iterable[str] = RUNS) -> dict[str, Any]:
    """Return the result or the error of each client; all of them run at the same time."""
    ends = await asyncio.gather(*(RUNS[name](sandbox, context, prompt) for name in names), return_exceptions=True)
    return dict(zip(names, ends, strict=True))


def test_sandbox_serves_every_model_of_the_catalog_with_its_operations(sandbox: Any) -> None:
    served = {model.id: set(model.supported_operations) for model in LemonDataHook().list_models()}
    assert {model.id for model in load().models} - served.keys() == set()
    assert all(set(model.operations) <= served[model.id] for model in load().models)


@pytest.mark.parametrize("variation", VARIATIONS.values(), ids=VARIATIONS.keys())
async def test_all_clients_documented_answer_return_the_video_with_one_create(
    configured_sandbox: Configure, context: Any, variation: dict[str, Any]
) -> None:
    sandbox = configured_sandbox(variation)
    results = await run_all(sandbox, context, "a cat")
    assert {name: end["status"] for name, end in results.items()} == dict.fromkeys(RUNS, "completed")
    assert {end["task_id"] for end in results.values()} == {create.id for create in sandbox.ledger.creates}
    assert all(end["video_url"].endswith(f"{end['task_id']}.mp4") and end["poll_url"] for end in results.values())
    assert len(sandbox.ledger.creates) == len(RUNS)


@pytest.mark.parametrize("variation", FAILURES.values(), ids=FAILURES.keys())
async def test_all_clients_failed_status_raise_the_reason(
    configured_sandbox: Configure, context: Any, variation: dict[str, Any]
) -> None:
    sandbox = configured_sandbox(variation)
    ends = await run_all(sandbox, context, "[fail:no sun today]")
    assert all(isinstance(end, (LemonDataError, AirflowFailException)) for end in ends.values()), ends
    assert all("no sun today" in str(end) for end in ends.values())
    assert len(sandbox.ledger.creates) == len(RUNS)


async def test_all_clients_failure_reason_of_wrong_type_raise_an_error(
    configured_sandbox: Configure, context: Any
) -> None:
    ends = await run_all(configured_sandbox({"wrong_types": True}), context, "[fail:no sun today]")
    assert all(isinstance(end, (LemonDataError, AirflowFailException)) for end in ends.values()), ends


@pytest.mark.parametrize("form", ["both", "id", "task_id"])
async def test_waits_completed_without_video_url_fail_after_four_polls(
    configured_sandbox: Configure, context: Any, form: str
) -> None:
    sandbox = configured_sandbox({"video_form": "none", "id_field": form})
    errors = (await run_all(sandbox, context, "a cat", WAITS)).values()
    assert all(isinstance(error, (LemonDataError, AirflowFailException)) for error in errors), errors
    assert all("no answer shows a video URL" in str(error) for error in errors), errors
    paths = {f"/v1/tasks/{create.id}" for create in sandbox.ledger.creates}
    assert {error.poll_url for error in errors} == paths
    polls = Counter(call.path for call in sandbox.ledger.calls if call.kind == "poll")
    assert min(polls[path] for path in paths) >= 4


@pytest.mark.slow
async def test_waits_unknown_task_fail_after_a_confirming_poll(configured_sandbox: Configure, context: Any) -> None:
    started = time.monotonic()
    failures = (await run_all(configured_sandbox({"forget_after": 0.0}), context, "a cat", WAITS)).values()
    assert all(isinstance(failure, (LemonDataError, AirflowFailException)) for failure in failures), failures
    assert all("404 async_task_not_found" in str(failure) and failure.poll_url for failure in failures), failures
    assert time.monotonic() - started >= 10  # each waits before the confirming poll
