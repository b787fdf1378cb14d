"""When the triggerer writes progress, and that no wait depends on it."""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import partial
from typing import Any

import pytest

from lemondata_provider.api.task import Task
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.triggers.hub_registry import HubRegistry
from lemondata_provider.triggers.poll_hub import PollHub
from lemondata_provider.triggers.progress import TASK_SECONDS, TRIGGERER_SECONDS, ProgressWriter, is_worth_writing
from lemondata_provider.triggers.progress import WatchedTask as Watched
from lemondata_provider.videos.progress import Progress
from tests.triggers.doubles import FakeTaskService, Metrics, answer, settings, until, waiting

NOW = 2_000_000_000.0


def key(name: str = "one") -> TaskInstanceKey:
    return TaskInstanceKey("clips", name, "manual__1")


class Airflow:
    """Takes what is written, and lets a test hold or refuse it; its clock goes on with each pause of the writer."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Any]] = []
        self.pauses: list[float] = []
        self.refuses = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def write(self, task_instance: TaskInstanceKey, progress: Progress) -> None:
        self.may_answer.wait(10)
        self.written.append((task_instance.task_id, progress.percent))
        if self.refuses:
            raise RuntimeError("the API server is away with sk-0123456789abcdef")

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    def writer(self) -> ProgressWriter:
        return ProgressWriter(self.write, self.sleep)


@pytest.fixture
def airflow() -> Any:
    running = Airflow()
    yield running
    running.may_answer.set()


def at(percent: float | None, seconds: float = 0.0, name: str = "one") -> tuple[Task, float]:
    return answer(name, "processing", progress=percent), NOW + seconds


@pytest.mark.parametrize(
    ("progress", "is_written"),
    [
        (Progress("processing", NOW + TASK_SECONDS, 50.0), True),
        (Progress("pending", NOW + TASK_SECONDS, 40.0), True),
        (Progress("processing", NOW + TASK_SECONDS - 1, 50.0), False),
        (Progress("processing", NOW + 10 * TASK_SECONDS, 40.0), False),
    ],
)
def test_is_worth_writing_change_after_the_pause_of_a_task_is(progress, is_written):
    assert is_worth_writing(Progress("processing", NOW, 40.0), progress) is is_written


def test_is_worth_writing_first_progress_is():
    assert is_worth_writing(None, Progress("pending", NOW))


async def test_put_newest_value_wins_and_each_wait_has_its_turn(airflow):
    airflow.may_answer.clear()
    writer = airflow.writer()
    one, two, three = (Watched(key(name), writer) for name in ("one", "two", "three"))
    one.on_task(*at(10))
    await asyncio.sleep(0)  # the first write begins, and hangs
    for percent in (20.0, 30.0):
        two.on_task(*at(percent, percent))
        three.on_task(*at(percent + 1, percent))
    assert airflow.written == []
    airflow.may_answer.set()
    await until(lambda: len(airflow.written) == 3)
    assert airflow.written == [("one", 10.0), ("two", 30.0), ("three", 31.0)]


async def test_writer_pauses_after_each_write_and_ends_with_nothing_to_write(airflow):
    writer = airflow.writer()
    for number in range(4):
        Watched(key(str(number)), writer).on_task(*at(number))
    await until(lambda: len(airflow.pauses) == 4)
    assert set(airflow.pauses) == {TRIGGERER_SECONDS}
    await until(lambda: writer._writing is None)
    Watched(key("later"), writer).on_task(*at(1))
    await until(lambda: len(airflow.written) == 5)


async def test_on_task_writes_on_change_and_at_most_once_in_the_pause_of_a_task(airflow):
    watched = Watched(key(), airflow.writer())
    for percent, seconds in [(1, 0), (2, 5), (3, 10), (4, TASK_SECONDS), (4, 5 * TASK_SECONDS)]:
        watched.on_task(*at(percent, seconds))
        await until(lambda: watched.writer._writing is None)
    assert airflow.written == [("one", 1.0), ("one", 4.0)]


async def test_drop_ended_wait_is_not_written(airflow):
    airflow.may_answer.clear()
    writer = airflow.writer()
    one, two = Watched(key("one"), writer), Watched(key("two"), writer)
    one.on_task(*at(1))
    await asyncio.sleep(0)
    two.on_task(*at(2))
    writer.drop(two)
    airflow.may_answer.set()
    await until(lambda: writer._writing is None)
    assert airflow.written == [("one", 1.0)]


async def test_write_fails_logs_once_without_secrets_and_goes_on(airflow, caplog):
    airflow.refuses = True
    writer = airflow.writer()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            Watched(key(str(number)), writer).on_task(*at(number))
        await until(lambda: len(airflow.written) == 3)
        await until(lambda: writer._writing is None)
    assert [record.name for record in caplog.records] == ["lemondata_provider.triggers.progress"]
    assert "0123456789abcdef" not in caplog.text


async def test_on_task_ended_or_pending_task_has_not_begun(airflow):
    watched = Watched(key(), airflow.writer())
    watched.on_task(answer("one", "pending", progress=0), NOW)
    watched.on_task(answer("one"), NOW + 9)
    assert watched.begun_at is None
    watched.on_task(*at(5, 10))
    watched.on_task(*at(6, 20))
    assert watched.begun_at == NOW + 10


async def test_wait_for_hanging_write_delays_no_poll_and_no_end(airflow, service: FakeTaskService, metrics: Metrics):
    airflow.may_answer.clear()
    service.ends["one"] = [answer("one", "processing", progress=number) for number in range(5)]

    async def look_up(conn_id: str) -> Any:
        return settings()

    registry = HubRegistry(look_up, metrics, partial(PollHub, make_client=service.client))
    registry.progress = airflow.writer()
    watched = registry.watched(key())
    end = await asyncio.wait_for(registry.wait_for(waiting(), None, watched.on_task), 5)
    assert end.task.id == "one"  # type: ignore[union-attr] # it did not fail
    assert service.asked["one"] == 6
    assert airflow.written == []
    assert watched.begun_at is not None
    airflow.may_answer.set()  # the event loop ends with its threads
