"""
Look names up in threads of our own.

An event loop looks names up in its default threads, of which there are few, and everything else in the process needs
them too. A name server that is silent would occupy all of them, here as often as a poll opens a connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import httpcore
import httpx

MAX_LOOKUPS = 4  # at a time; all of them ask for the same few names


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="lemondata-lookup")


class LookupBackend(httpcore.AsyncNetworkBackend):
    """
    Connect to addresses that were looked up in threads of our own.

    :param look_up: ``socket.getaddrinfo``.
    :param connector: connects to an address.
    """

    def __init__(
        self,
        look_up: Callable[..., list[Any]] = socket.getaddrinfo,
        connector: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._look_up = look_up
        self._connector = connector or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look a host up, and connect to the first of its addresses that answers."""
        failure: Exception | None = None
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._connector.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """Return the addresses of a host, IPv4 first: where IPv6 leads nowhere, only its timeout would say so."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return [host]
        loop = asyncio.get_running_loop()
        lookup = loop.run_in_executor(_threads(os.getpid()), lambda: self._look_up(host, port, type=socket.SOCK_STREAM))
        try:
            found = await asyncio.wait_for(lookup, timeout)
        except asyncio.TimeoutError:
            raise httpcore.ConnectTimeout(f"the name {host} was not looked up within {timeout:g} s") from None
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        return list(dict.fromkeys(entry[4][0] for entry in found))


def lookup_transport(options: dict[str, Any], backend: LookupBackend | None = None) -> httpx.AsyncBaseTransport | None:
    """
    Return a transport with such threads; none where a proxy may look the names up, which httpx decides then.

    :param options: ``verify`` and ``limits`` of the client.
    :param backend: default: a new one.
    """
    if urllib.request.getproxies():
        return None
    transport = httpx.AsyncHTTPTransport(verify=options["verify"], limits=options["limits"])
    transport._pool._network_backend = backend or LookupBackend()  # httpx has no argument for it
    return transport
