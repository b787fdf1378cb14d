"""
The two clients, and the only code that sends.

``Client`` and ``AsyncClient`` differ in a few lines of sending: everything else is said once, for both. Source:
https://docs.lemondata.cc (error-handling, rate-limits).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx
from tenacity import AsyncRetrying, Retrying

from lemondata_provider.api.answer_body import AnswerBody
from lemondata_provider.api.calls import Call
from lemondata_provider.api.environment import build
from lemondata_provider.api.name_lookup import lookup_transport
from lemondata_provider.api.retry import retry_options
from lemondata_provider.api.time_limit import OutOfTimeError, run_within
from lemondata_provider.api.urls import DEFAULT_BASE_URL
from lemondata_provider.api.wire import ClientOptions, Wire

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


class Client:
    """
    A client for tasks, command lines and notebooks; use it as a context manager, and one in each thread.

    ``api_key`` and ``base_url`` are yours:

    >>> from lemondata_provider.api import calls
    >>> from lemondata_provider.api.client import Client
    >>> from lemondata_provider.api.request import VideoRequest
    >>> request = VideoRequest.checked(model="veo3.1-fast", prompt="A cat.", duration=4)
    >>> with Client(api_key, base_url) as client:
    ...     submitted = client.send(calls.submit_video(request))  # this costs money
    ...     polled = client.send(calls.get_task(submitted.poll_url))
    >>> polled.id == submitted.id
    True

    :param base_url: with or without scheme, ``/v1`` and a slash at the end; default ``https://api.tokenlab.sh``.
    :param api_key: the LemonData key, sent to the base URL's origin only.
    :param sleep: how to wait between two attempts.
    :param options: ``timeout`` (seconds to read an answer, default 60), ``verify``, ``user_agent``, ``transport``,
        ``connection`` (an id that error messages name), and ``on_rate_limit``, called with each answer's rate limit.
    :raises LemonDataError: from every call; see :mod:`lemondata_provider.api.errors`.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = DEFAULT_BASE_URL,
        sleep: Callable[[float], None] = time.sleep,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._wire = Wire(base_url, api_key, options)
        self._http = build(httpx.Client, self._wire.http_options)
        self.sleep = sleep

    @property
    def base_url(self) -> str:
        """Return the base URL that calls go to."""
        return str(self._wire.base)

    def send(self, call: Call[T]) -> T:
        """Send a call; retry a failed one while that is safe, for at most a minute."""
        answer: T = Retrying(sleep=self.sleep, **retry_options(call))(self.send_once, call)
        return answer

    def send_once(self, call: Call[T]) -> T:
        """Send a call as exactly one request."""
        with self._wire.translate_transport_errors(call):
            request = self._wire.build_request(call, self._http)
            limit = self._wire.time_limit(call, request)
            try:
                response, body = run_within(limit, lambda: self._exchange(call, request))
            except OutOfTimeError:
                raise self._wire.timed_out(call, limit) from None
        return self._wire.parse_response(call, response, body)

    def _exchange(self, call: Call[Any], request: httpx.Request) -> tuple[httpx.Response, AnswerBody]:
        response = self._http.send(request, stream=True)
        while following := self._wire.redirected(response):
            response.close()
            response = self._http.send(following, stream=True)
        body = AnswerBody(response.headers.get("Content-Encoding", ""))
        with closing(response), self._wire.tolerate_lost_body(call, response):
            for piece in cast(httpx.SyncByteStream, response.stream):
                body.add(piece)
            body.end()
        return response, body

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """
    The same client for an event loop; see :class:`Client`.

    >>> import asyncio
    >>> from lemondata_provider.api import calls
    >>> from lemondata_provider.api.client import AsyncClient
    >>> async def names() -> list[str]:
    ...     async with AsyncClient(api_key, base_url) as client:
    ...         return [model.id for model in await client.send(calls.list_models())]
    >>> "veo3.1-fast" in asyncio.run(names())
    True

    The first client of a process with new certificate settings loads certificates: build it in a thread.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = DEFAULT_BASE_URL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._wire = Wire(base_url, api_key, options)
        http_options = self._wire.http_options
        transport = http_options["transport"] or lookup_transport(http_options)
        self._http = build(httpx.AsyncClient, {**http_options, "transport": transport})
        self._sleep = sleep

    async def send(self, call: Call[T]) -> T:
        """Send a call; a failed one again while that is safe, for at most a minute."""
        return await AsyncRetrying(sleep=self._sleep, **retry_options(call))(self.send_once, call)

    async def send_once(self, call: Call[T]) -> T:
        """Send a call as exactly one request."""
        with self._wire.translate_transport_errors(call):
            request = self._wire.build_request(call, self._http)
            limit = self._wire.time_limit(call, request)
            try:
                response, body = await asyncio.wait_for(self._exchange(call, request), limit)
            except asyncio.TimeoutError:
                raise self._wire.timed_out(call, limit) from None
        return self._wire.parse_response(call, response, body)

    async def _exchange(self, call: Call[Any], request: httpx.Request) -> tuple[httpx.Response, AnswerBody]:
        response = await self._http.send(request, stream=True)
        while following := self._wire.redirected(response):
            await response.aclose()
            response = await self._http.send(following, stream=True)
        body = AnswerBody(response.headers.get("Content-Encoding", ""))
        async with aclosing(response):
            with self._wire.tolerate_lost_body(call, response):
                async for piece in cast(httpx.AsyncByteStream, response.stream):
                    body.add(piece)
                body.end()
        return response, body

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
