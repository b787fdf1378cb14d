"""What the tests of the API layer share: a scripted service, and one way to send through either client."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lemondata_provider.api.calls import Call
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.errors import LemonDataError

BASE = "https://api.lemondata.cc"
KEY = "lemon.key/of+this=client"  # no pattern finds it: only a client that knows it can hide it


class ScriptedService:
    """LemonData as a script: an answer or an exception class for each request, the last one for ever."""

    def __init__(self, *script: Any) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, type):
            raise step("the wire broke", request=request)
        return step(request) if callable(step) else httpx.Response(**step)

    @property
    def urls(self) -> list[str]:
        return [str(request.url) for request in self.requests]

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("Authorization") for request in self.requests]


class Sender:
    """Sends one call through a client of the given kind, and notes how long it would have slept."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.slept: list[float] = []

    def __call__(
        self,
        service: Callable[[httpx.Request], httpx.Response],
        call: Call[Any],
        *,
        once: bool = False,
        api_key: str = KEY,
        base_url: str = BASE,
        **options: Any,
    ) -> Any:
        options = {"transport": httpx.MockTransport(service), **options}
        if self.kind == "async":
            return asyncio.run(self._through_loop(call, once, api_key, base_url, options))
        with Client(api_key, base_url, sleep=self.slept.append, **options) as client:
            return client.send_once(call) if once else client.send(call)

    async def _through_loop(self, call: Call[Any], once: bool, api_key: str, base_url: str, options: Any) -> Any:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async with AsyncClient(api_key, base_url, sleep=sleep, **options) as client:
            return await (client.send_once(call) if once else client.send(call))

    def error(self, service: Callable[[httpx.Request], httpx.Response], call: Call[Any], **more: Any) -> LemonDataError:
        with pytest.raises(LemonDataError) as caught:
            self(service, call, **more)
        return caught.value


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Sender:
    return Sender(request.param)


@pytest.fixture
def service() -> type[ScriptedService]:
    return ScriptedService


@pytest.fixture
def everything_shown() -> Callable[[BaseException], str]:
    """Return all that can be seen of an exception, by a reader, a log, an event or a pickle."""

    def show(error: BaseException) -> str:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own pickle
        texts = [str(error), repr(error), repr(error.args), repr(vars(error)), str(again), repr(vars(again))]
        if isinstance(error, LemonDataError):
            texts.append(json.dumps(error.to_dict()))
        return "\n".join([*texts, pickle.dumps(error, protocol=0).decode("latin-1")])

    return show
