"""The one client of a poll hub: made when it is needed, and replaced when it broke or its settings changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from lemondata_provider.api.calls import Call
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import AnswerLostError, LemonDataError
from lemondata_provider.api.rate_limiter import RateLimit

log = logging.getLogger(__name__)
T = TypeVar("T")


class SharedClient:
    """
    One client at a time, for all who poll.

    :param arguments: what it is made with.
    :param on_rate_limit: is told what answers say about the rate limit.
    :param make_client: makes it.
    """

    def __init__(
        self,
        arguments: dict[str, Any],
        on_rate_limit: Callable[[RateLimit], None],
        make_client: Callable[..., AsyncClient] = AsyncClient,
    ) -> None:
        self._arguments = arguments
        self._on_rate_limit = on_rate_limit
        self._make_client = make_client
        self._client: AsyncClient | None = None
        self._over = asyncio.Event()  # nobody polls any more
        self._closing: set[asyncio.Task[None]] = set()

    async def send_once(self, call: Call[T]) -> T:
        """
        Send a call as exactly one request.

        :raises LemonDataError: whatever a client breaks by: the video is paid for, and another client may do.
        """
        client = self._client
        try:
            if client is None:
                client = self._client = self._make_client(**self._arguments, on_rate_limit=self._on_rate_limit)
            return await client.send_once(call)
        except LemonDataError:
            raise
        except Exception as error:
            log.exception("The client broke")
            if client is self._client:  # and not the next one already
                self._close()
            raise AnswerLostError(f"The client broke: {type(error).__name__}: {error}") from None

    def change(self, arguments: dict[str, Any], seconds: float) -> None:
        """Go by other arguments; requests that are on their way have some seconds to end."""
        if arguments != self._arguments:
            self._arguments = arguments
            self._close(seconds)

    def end(self) -> None:
        """Close everything at once: nobody polls any more."""
        self._over.set()
        self._over = asyncio.Event()
        self._close()

    def _close(self, delay: float = 0.0) -> None:
        """Close the client in the background: no wait that has ended waits for that."""
        client, self._client = self._client, None
        if client is not None:
            self._closing.add(closing := asyncio.ensure_future(_closed(client, delay, self._over)))
            closing.add_done_callback(self._closing.discard)


async def _closed(client: AsyncClient, delay: float, over: asyncio.Event) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(over.wait(), delay)
    with suppress(Exception):  # what was seen counts, not how the connection closed
        await client.close()
