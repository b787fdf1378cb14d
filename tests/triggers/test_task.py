from __future__ import annotations

import asyncio
import json
import logging
import time
from functools import partial
from typing import Any

import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import LemonDataError, TaskTimeoutError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.triggers.events import TaskEvent, read_event
from lemondata_provider.triggers.hub_registry import HubRegistry
from lemondata_provider.triggers.poll_hub import PollHub
from lemondata_provider.triggers.task import TaskTrigger
from tests.triggers.doubles import until


def submit(prompt: str = "a cat") -> Any:
    with LemonDataHook().get_conn() as client:
        return client.send(calls.submit_video(VideoRequest.checked(model="sora-2", prompt=prompt)))


def trigger_for(task: Any, seconds: float = 20, kind: type[TaskTrigger] = TaskTrigger, **changes: Any) -> TaskTrigger:
    defaults = {"task_id": task.id, "poll_url": task.poll_url, "poll_interval": 0.02, "deadline": time.time() + seconds}
    return kind(**{**defaults, **changes})


async def event_of(trigger: TaskTrigger) -> TaskEvent:
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    payload = json.loads(json.dumps(events[0].payload))  # as Airflow stores it
    return read_event(payload, trigger.wait.task_id, trigger.wait.poll_url)


async def result_of(trigger: TaskTrigger) -> dict[str, Any]:
    result = (await event_of(trigger)).result
    assert result is not None
    return result


async def error_of(trigger: TaskTrigger) -> LemonDataError:
    error = (await event_of(trigger)).exception()
    assert error is not None
    return error


async def test_run_completed_task_yields_one_event_with_its_result(sandbox):
    task = submit()
    event = await event_of(trigger_for(task))
    assert event.exception() is None
    assert event.result is not None
    assert event.result["status"] == "completed"
    assert str(event.result["video_url"]).endswith(".mp4")
    assert event.result["task_id"] == task.id


async def test_serialize_new_trigger_of_it_is_the_same_and_runs(sandbox):
    task = submit()
    path, kwargs = trigger_for(task).serialize()
    assert path == "lemondata_provider.triggers.task.TaskTrigger"
    again = TaskTrigger(**json.loads(json.dumps(kwargs)))
    assert again.serialize() == (path, kwargs)
    assert (await result_of(again))["status"] == "completed"
    assert sandbox.api_key not in str(kwargs)


async def test_run_task_id_set_by_the_triggerer_polls_the_same_task(sandbox):
    task = submit()
    trigger = trigger_for(task)
    trigger.task_id = "id_of_the_airflow_task"
    assert (await result_of(trigger))["task_id"] == task.id


async def test_run_failed_task_yields_an_event_with_the_reason(sandbox):
    task = submit("[fail:the prompt was refused by the safety filter]")
    error = await error_of(trigger_for(task))
    assert type(error).__name__ == "TaskFailedError"
    assert "the prompt was refused by the safety filter" in str(error)
    assert (error.task_id, error.poll_url, error.final) == (task.id, task.poll_url, True)


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        ("error", {"status": 429, "code": "rate_limit_exceeded", "retry_after": 0.1}),
        ("error", {"status": 500, "code": "server_error"}),
        ("error", {"status": 503, "code": "all_channels_failed", "retryable": False}),
        ("error", {"status": 404, "code": "not_found"}),
        ("error", {"status": 400, "code": "invalid_request_error"}),
        ("html_502", {}),
        ("lost_answer", {}),
        ("reset", {}),
        ("truncated_json", {}),
        ("half_json", {}),
        ("unreadable", {}),
        ("redirect", {"status": 302, "location": "/v1/nowhere"}),
    ],
)
async def test_run_temporary_errors_keeps_polling(sandbox, fault, details):
    task = submit()
    sandbox.fault(fault, on="poll", times=2, **details)
    assert (await result_of(trigger_for(task)))["status"] == "completed"


async def test_run_failed_polls_send_one_request_each(sandbox):
    task = submit("[forever]")
    sandbox.fault("error", on="poll", times=-1, status=500)
    started = time.monotonic()
    error = await error_of(trigger_for(task, seconds=0.5, poll_interval=0.1))
    polls = sandbox.ledger.requests("poll")
    assert type(error).__name__ == "TaskTimeoutError"
    assert polls <= (time.monotonic() - started) / 0.05 + 1
    assert polls >= 2


async def test_run_deadline_in_the_past_polls_once(sandbox):
    task = submit()
    await until(lambda: sandbox.tasks[0]["status"] == "completed")
    assert (await result_of(trigger_for(task, seconds=-5, poll_interval=60)))["status"] == "completed"


async def test_run_at_the_deadline_yields_a_timeout_that_names_the_sensor(sandbox):
    task = submit("[forever]")
    error = await error_of(trigger_for(task, seconds=0.3))
    assert type(error).__name__ == "TaskTimeoutError"
    assert f"TaskSensor(poll_url='{task.poll_url}')" in str(error)
    assert error.poll_url == task.poll_url


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (403, "access_denied")])
async def test_run_key_refused_until_the_deadline_yields_the_reason(sandbox, status, code):
    task = submit()
    sandbox.fault("error", on="poll", times=-1, status=status, code=code)
    error = await error_of(trigger_for(task, deadline=time.time() + 0.4))
    assert type(error) is TaskTimeoutError
    assert (error.status, error.code, error.poll_url) == (status, code, task.poll_url)
    assert sandbox.ledger.requests("poll") >= 3


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (403, "access_denied"), (404, "not_found")])
async def test_run_refusals_for_a_while_still_yields_the_result(sandbox, status, code, caplog):
    task = submit()
    sandbox.fault("error", on="poll", times=5, status=status, code=code)
    with caplog.at_level(logging.WARNING):
        assert (await result_of(trigger_for(task)))["status"] == "completed"
    assert sum("was refused" in message for message in caplog.messages) == 1


async def test_run_key_changed_while_polling_uses_the_new_key(sandbox, monkeypatch):
    task = submit()
    sandbox.configure(api_key="sk-the-new-key")
    trigger = trigger_for(task, poll_interval=0.1)
    waiting = asyncio.create_task(result_of(trigger))
    await until(lambda: sandbox.ledger.requests("poll") >= 1)
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", sandbox.connection_uri)
    assert (await waiting)["status"] == "completed"


async def test_run_connection_not_defined_until_the_deadline_yields_the_reason(sandbox):
    task = submit()
    error = await error_of(trigger_for(task, lemondata_conn_id="nowhere", deadline=time.time() + 0.2))
    assert "Connection 'nowhere' is not defined" in str(error)
    assert (type(error), error.poll_url) == (TaskTimeoutError, task.poll_url)


def with_hub(**arguments: Any) -> type[TaskTrigger]:
    """Return triggers whose hub has these arguments."""

    class WithHub(TaskTrigger):
        registry = HubRegistry(make_hub=partial(PollHub, **arguments))

    return WithHub


async def test_run_unforeseen_exception_yields_an_event(sandbox):
    class Broken(TaskTrigger):
        @property
        def registry(self) -> HubRegistry:
            raise RuntimeError("an unforeseen error")

    task = submit()
    error = await error_of(trigger_for(task, kind=Broken))
    assert "RuntimeError: an unforeseen error" in str(error)
    assert (error.task_id, error.poll_url) == (task.id, task.poll_url)


async def test_run_hanging_poll_times_out_and_polls_again(sandbox):
    task = submit()
    sandbox.fault("hang", on="poll")
    assert (await result_of(trigger_for(task, kind=with_hub(poll_timeout=0.2))))["status"] == "completed"
    assert sandbox.ledger.requests("poll") >= 2


async def test_run_client_close_raises_still_yields_the_result(sandbox):
    class Unclosable(AsyncClient):
        async def close(self) -> None:
            await super().close()
            raise RuntimeError("stuck")

    trigger = trigger_for(submit(), kind=with_hub(make_client=Unclosable))
    assert (await result_of(trigger))["status"] == "completed"


async def test_run_cancelled_yields_no_event_and_closes_the_client(sandbox):
    closed = []

    class Counted(AsyncClient):
        async def close(self) -> None:
            await super().close()
            closed.append(self)

    trigger = trigger_for(submit("[forever]"), kind=with_hub(make_client=Counted))
    events = []

    async def collect() -> None:
        async for event in trigger.run():
            events.append(event)

    running = asyncio.create_task(collect())
    await until(lambda: sandbox.ledger.requests("poll") >= 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert events == []
    await until(lambda: len(closed) == 1)


async def test_run_progress_is_logged_less_often_than_polled(sandbox, caplog):
    sandbox.configure(generation_seconds=0.5)
    with caplog.at_level("INFO"):
        await event_of(trigger_for(submit(), poll_interval=0.02))
    logged = [message for message in caplog.messages if "is processing" in message]
    assert 1 <= len(logged) <= 11
    assert sandbox.ledger.requests("poll") > len(logged)
    assert sandbox.api_key not in caplog.text


@pytest.mark.slow  # measures the lag of the event loop
async def test_run_fifty_triggers_on_a_slow_service_keep_the_event_loop_responsive(sandbox, monkeypatch):
    vip = {**json.loads(sandbox.connection_uri), "extra": {"requests_per_minute": 10_000}}
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", json.dumps(vip))
    tasks = [submit() for _ in range(50)]
    sandbox.configure(answer_delay=1.0)
    lags: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.02)
            lags.append(time.monotonic() - before - 0.02)

    watching = asyncio.create_task(watch())
    long_ago = time.time() - 60  # else the first polls wait for videos to be made
    events = await asyncio.gather(*(event_of(trigger_for(task, created=long_ago)) for task in tasks))
    watching.cancel()
    assert all(event.result for event in events)
    assert sorted(lags)[int(len(lags) * 0.9)] < 0.25
    assert max(lags) < 1.5
