"""Name lookups that hang occupy threads of our own, and no others."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Set
from typing import Any

import httpcore
import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import ConnectionFailedError
from lemondata_provider.api.name_lookup import MAX_LOOKUPS, LookupBackend, lookup_transport

KEY = "sk-0123456789"


def entry(address: str, family: int = socket.AF_INET) -> Any:
    return family, socket.SOCK_STREAM, 6, "", (address, 443)


class Connector(httpcore.AsyncNetworkBackend):
    """Connects to nothing, and notes what it was asked for."""

    def __init__(self, refuses: Set[str] = frozenset()) -> None:
        self.refuses = refuses
        self.addresses: list[str] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> Any:
        self.addresses.append(host)
        if host in self.refuses:
            raise httpcore.ConnectError(f"{host} refuses")
        return host


def client_of(backend: LookupBackend, base_url: str) -> AsyncClient:
    options = {"verify": False, "limits": httpx.Limits()}
    return AsyncClient(KEY, base_url, transport=lookup_transport(options, backend))


@pytest.mark.slow
def test_poll_name_server_hangs_leaves_the_default_threads_free():
    answered = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        answered.wait(20)
        raise socket.gaierror("no answer")

    async def look_up_and_work() -> None:
        client = client_of(LookupBackend(hang), "https://api.tokenlab.sh")
        polls = [asyncio.ensure_future(client.send_once(calls.get_task(f"/v1/tasks/t{n}"))) for n in range(40)]
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(None, threading.current_thread) for _ in range(20)]
        await asyncio.wait_for(asyncio.gather(*work), 10)
        assert sum(thread.name.startswith("lemondata-lookup") for thread in threading.enumerate()) <= MAX_LOOKUPS
        answered.set()
        for poll in polls:
            with pytest.raises(ConnectionFailedError, match=r"Cannot connect to https://api\.tokenlab\.sh"):
                await poll
        await client.close()

    asyncio.run(look_up_and_work())


def test_connect_tcp_lookup_takes_longer_than_the_timeout_raises_connect_timeout():
    answered = threading.Event()
    backend = LookupBackend(lambda *_, **__: [answered.wait(20)], Connector())
    with pytest.raises(httpcore.ConnectTimeout, match="was not looked up within"):
        asyncio.run(backend.connect_tcp("api.tokenlab.sh", 443, timeout=0.05))
    answered.set()


@pytest.mark.parametrize(
    ("refuses", "tried"),
    [
        (set(), ["10.0.0.1"]),
        ({"10.0.0.1"}, ["10.0.0.1", "10.0.0.2"]),
        ({"10.0.0.1", "10.0.0.2"}, ["10.0.0.1", "10.0.0.2", "::1"]),
    ],
)
def test_connect_tcp_several_addresses_tries_one_after_the_other(refuses, tried):
    found = [entry("::1", socket.AF_INET6), entry("10.0.0.1"), entry("10.0.0.2"), entry("10.0.0.1")]
    connector = Connector(refuses)
    stream: Any = asyncio.run(LookupBackend(lambda *_, **__: found, connector).connect_tcp("api.tokenlab.sh", 443))
    assert connector.addresses == tried
    assert stream == tried[-1]


def test_connect_tcp_every_address_refuses_raises_the_first_reason():
    backend = LookupBackend(
        lambda *_, **__: [entry("10.0.0.1"), entry("10.0.0.2")], Connector({"10.0.0.1", "10.0.0.2"})
    )
    with pytest.raises(httpcore.ConnectError, match=r"10\.0\.0\.1 refuses"):
        asyncio.run(backend.connect_tcp("api.tokenlab.sh", 443))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_connect_tcp_address_needs_no_lookup(address):
    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError

    connector = Connector()
    asyncio.run(LookupBackend(fail, connector).connect_tcp(address, 443))
    assert connector.addresses == [address]


def test_lookup_transport_behind_a_proxy_is_none(monkeypatch: pytest.MonkeyPatch):
    options = {"verify": False, "limits": httpx.Limits()}
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    assert lookup_transport(options) is None


def test_send_once_name_of_this_machine_is_looked_up_and_answered(sandbox):
    async def send() -> None:
        client = AsyncClient(sandbox.api_key, sandbox.url.replace("127.0.0.1", "localhost"))
        assert await client.send_once(calls.list_models())
        await client.close()

    asyncio.run(send())
