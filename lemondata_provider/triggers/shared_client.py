"""The one client of a poll hub: made at first use, and replaced when it breaks or the connection changes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from lemondata_provider.api.calls import Call
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import AnswerLostError, LemonDataError

log = logging.getLogger(__name__)
T = TypeVar("T")


class SharedClient:
    """
    Send the calls of many waits through one client.

    :param make: makes the client.
    """

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._make = make
        self._client: AsyncClient | None = None
        self._in_use: Counter[AsyncClient] = Counter()
        self._closing: set[asyncio.Future[None]] = set()

    async def send(self, call: Call[T]) -> T:
        """
        Send a call as exactly one request.

        :raises LemonDataError: also if the client breaks: the video is paid for, and the next poll has a new client.
        """
        client = self._client
        try:
            if client is None:
                client = self._client = self._make()
            self._in_use[client] += 1
            try:
                return await client.send_once(call)
            finally:
                self._release(client)
        except LemonDataError:
            raise
        except Exception as error:
            log.exception("The client broke")
            if client is self._client:
                self.retire()
            raise AnswerLostError(f"The client broke: {type(error).__name__}: {error}") from None

    def retire(self) -> None:
        """Let the next call make a new client; close this one as soon as its calls have ended."""
        client, self._client = self._client, None
        if client is not None and client not in self._in_use:
            self._close(client)

    def _release(self, client: AsyncClient) -> None:
        self._in_use[client] -= 1
        if not self._in_use[client]:
            del self._in_use[client]
            if client is not self._client:
                self._close(client)

    def _close(self, client: AsyncClient) -> None:
        closing = asyncio.ensure_future(_close_quietly(client))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _close_quietly(client: AsyncClient) -> None:
    with suppress(Exception):  # the results count, not how the connection closed
        await client.close()
