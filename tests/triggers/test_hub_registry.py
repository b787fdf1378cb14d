from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest

from lemondata_provider.api.errors import AuthenticationError, ConfigurationError, ConnectionFailedError
from lemondata_provider.api.polling import Completed
from lemondata_provider.triggers.hub_registry import HubRegistry, registry_for_running_loop
from lemondata_provider.triggers.poll_hub import PollHub
from tests.triggers.doubles import FakeTaskService, Metrics, answer, settings, until, waiting


class Connections:
    """The settings of each connection, and how often each was read."""

    def __init__(self) -> None:
        self.say: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()

    async def look_up(self, conn_id: str) -> Any:
        self.asked[conn_id] += 1
        await asyncio.sleep(0.01)
        result = self.say.get(conn_id, settings())
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def connections() -> Connections:
    return Connections()


@pytest.fixture
def hubs(service: FakeTaskService, connections: Connections, metrics: Metrics) -> HubRegistry:
    return HubRegistry(connections.look_up, metrics, partial(PollHub, make_client=service.client))


async def test_wait_for_many_tasks_of_a_connection_reads_it_once(hubs, service, connections):
    names = [str(number) for number in range(30)]
    service.ends = {name: answer(name) for name in names}
    await asyncio.gather(*(hubs.wait_for(waiting(name)) for name in names))
    assert connections.asked == {"lemondata_default": 1}
    assert len(service.clients) == 1


async def test_wait_for_connections_with_one_key_share_a_hub(hubs, service, connections):
    connections.say = {"a": settings(), "b": settings(timeout=5.0), "c": settings(api_key="sk-another-key")}
    waits = [asyncio.ensure_future(hubs.wait_for(waiting(name, lemondata_conn_id=name))) for name in "abc"]
    await until(lambda: len(service.asked) == 3)
    assert {client.options["api_key"] for client in service.clients} == {"sk-a-key-1234", "sk-another-key"}
    assert len(service.clients) == 2
    service.ends = {name: answer(name) for name in "abc"}
    await asyncio.gather(*waits)


async def test_wait_for_refused_key_reads_the_connection_and_uses_the_new_key(hubs, service, connections):
    def refuse() -> Exception:
        connections.say["lemondata_default"] = settings(api_key="sk-the-new-key")
        return AuthenticationError("no", status=401)

    service.ends["one"] = [refuse]
    connections.say["lemondata_default"] = settings(api_key="sk-the-old-key")
    assert await hubs.wait_for(waiting(poll_interval=0.3)) == Completed(answer("one"))
    assert [client.options["api_key"] for client in service.clients] == ["sk-the-old-key", "sk-the-new-key"]


async def test_wait_for_refused_key_and_slow_connection_waits_for_the_new_key(hubs, service, connections):
    async def slowly(conn_id: str) -> Any:
        connections.asked[conn_id] += 1
        await asyncio.sleep(0.3 if connections.asked[conn_id] > 1 else 0)
        return settings(api_key="sk-the-new-key" if connections.asked[conn_id] > 1 else "sk-the-old-key")

    hubs._look_up = slowly
    names = [str(number) for number in range(10)]
    service.ends = {name: [AuthenticationError("no", status=401)] for name in names}
    ended = await asyncio.gather(*(hubs.wait_for(waiting(name, poll_interval=0.02)) for name in names))
    assert [end.task and end.task.id for end in ended] == names
    assert connections.asked["lemondata_default"] == 2


async def test_wait_for_connection_slower_than_the_poll_timeout_returns_the_task(service, connections, metrics):
    async def slowly(conn_id: str) -> Any:
        connections.asked[conn_id] += 1
        await asyncio.sleep(0.3 if connections.asked[conn_id] > 1 else 0)
        return settings()

    hubs = HubRegistry(slowly, metrics, partial(PollHub, make_client=service.client, poll_timeout=0.1))
    service.ends["one"] = [AuthenticationError("no", status=401)]
    assert await asyncio.wait_for(hubs.wait_for(waiting()), 5) == Completed(answer("one"))
    assert connections.asked["lemondata_default"] == 2


async def test_wait_for_connection_changed_between_waits_uses_the_new_settings(hubs, service, connections):
    service.ends = {"one": answer("one"), "two": answer("two")}
    await hubs.wait_for(waiting("one"))
    connections.say["lemondata_default"] = settings(timeout=7.0, triggerers=2)
    await hubs.wait_for(waiting("two"))
    assert [client.options["timeout"] for client in service.clients] == [60.0, 7.0]


@pytest.mark.parametrize("error", [OverflowError("too large"), ValueError("Invalid IPv6 URL"), OSError()])
async def test_refresh_connection_raises_any_error_is_repeated(service, connections, metrics, error):
    hubs = HubRegistry(connections.look_up, metrics, partial(PollHub, make_client=service.client), refresh_seconds=0.02)
    ending = asyncio.ensure_future(hubs.wait_for(waiting()))
    await until(lambda: service.asked["one"] >= 1)
    connections.say["lemondata_default"] = error
    asked = connections.asked["lemondata_default"]
    await until(lambda: connections.asked["lemondata_default"] >= asked + 2)
    connections.say["lemondata_default"] = settings(api_key="sk-the-new-key")
    await until(lambda: len(service.clients) == 2)
    service.ends["one"] = answer("one")
    assert await ending == Completed(answer("one"))


async def test_refresh_changed_connection_makes_a_new_client(service, connections, metrics):
    hubs = HubRegistry(connections.look_up, metrics, partial(PollHub, make_client=service.client), refresh_seconds=0.05)
    ending = asyncio.ensure_future(hubs.wait_for(waiting()))
    await until(lambda: service.asked["one"] >= 1)
    connections.say["lemondata_default"] = settings(api_key="sk-the-new-key")
    await until(lambda: len(service.clients) == 2)
    connections.say["lemondata_default"] = settings(api_key="sk-the-new-key", timeout=3.0)
    await until(lambda: len(service.clients) == 3)
    assert service.clients[2].options["timeout"] == 3.0
    service.ends["one"] = answer("one")
    assert await ending == Completed(answer("one"))


async def test_refresh_secrets_backend_fails_keeps_the_settings(service, connections, metrics, caplog):
    hubs = HubRegistry(connections.look_up, metrics, partial(PollHub, make_client=service.client), refresh_seconds=0.05)
    ending = asyncio.ensure_future(hubs.wait_for(waiting()))
    await until(lambda: service.asked["one"] >= 1)
    connections.say["lemondata_default"] = ConnectionFailedError("the secrets backend is away")
    await until(lambda: "the secrets backend is away; the last known settings stay in use" in caplog.text)
    service.ends["one"] = answer("one")
    assert await ending == Completed(answer("one"))


async def test_wait_for_invalid_connection_is_read_again_until_the_deadline(hubs, connections):
    connections.say["lemondata_default"] = ConfigurationError("The API key is empty")
    ended = await hubs.wait_for(waiting(seconds=0.5))
    assert "The API key is empty" in str(ended.error)
    assert connections.asked["lemondata_default"] >= 3


@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailedError("the secrets backend is away"),
        ConfigurationError("Connection 'lemondata_default' is not defined"),  # what Airflow says if a backend is away
    ],
    ids=["away", "not defined"],
)
async def test_wait_for_secrets_backend_fails_for_a_while_returns_the_task(hubs, service, connections, error):
    connections.say["lemondata_default"] = error
    service.ends["one"] = answer("one")
    ending = asyncio.ensure_future(hubs.wait_for(waiting()))
    await until(lambda: connections.asked["lemondata_default"] >= 4)
    del connections.say["lemondata_default"]
    assert await ending == Completed(answer("one"))


async def test_wait_for_cancelled_while_reading_the_connection_serves_the_others(hubs, service):
    service.ends["two"] = answer("two")
    first = asyncio.ensure_future(hubs.wait_for(waiting("one")))
    second = asyncio.ensure_future(hubs.wait_for(waiting("two")))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == Completed(answer("two"))


async def test_wait_for_last_task_ends_leaves_no_asyncio_task_and_a_gauge_of_zero(hubs, service, metrics):
    before = asyncio.all_tasks()
    service.ends = {"one": answer("one"), "two": answer("two")}
    await asyncio.gather(hubs.wait_for(waiting("one")), hubs.wait_for(waiting("two")))
    await until(lambda: asyncio.all_tasks() == before)
    levels = [value for stat, value in metrics.levels if stat == "lemondata.tasks_in_flight"]
    assert (max(levels), levels[-1]) == (2, 0)


def test_registry_for_running_loop_each_event_loop_has_its_own():
    async def mine() -> Any:
        return registry_for_running_loop(), registry_for_running_loop()

    first, again = asyncio.run(mine())
    second, _ = asyncio.run(mine())
    assert first is again
    assert first is not second
