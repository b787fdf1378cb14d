"""Doubles for the tests of the API's client: a scripted service and its answers, and a sender for either client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.calls import Call
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.request import VideoRequest

BASE = "https://api.lemondata.cc"
KEY = "lemon.key/of+this=client"  # no pattern finds it: only a client that knows it can hide it
CANONICAL = f"{BASE}/v1/tasks/t1"
AUTHORIZED = f"Bearer {KEY}"
PAYLOAD = "iVBORw0KGgoAAAANSUhEUgAAAAUA"
DATA_URL = f"data:image/png;base64,{PAYLOAD}"
SECRET = "sk-a1B2c3D4e5F6g7H8"

SUBMIT = calls.submit_video(VideoRequest.checked(model="sora-2", prompt="a cat", image=DATA_URL))
POLL = calls.get_task("/v1/tasks/t1")
CANCEL = calls.cancel_task("t1")
writes = pytest.mark.parametrize("call", [SUBMIT, CANCEL], ids=["POST", "DELETE"])
every_method = pytest.mark.parametrize("call", [SUBMIT, POLL, CANCEL], ids=["POST", "GET", "DELETE"])


def says(status: int, body: Any = None, **headers: str) -> dict[str, Any]:
    """Return the arguments of an answer: JSON, or a text as it is."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, (str, bytes)):
        return {"status_code": status, "content": body, "headers": headers}
    return {"status_code": status, "json": body, "headers": headers}


def refuses(status: int, code: str | None = None, retry_after: str | None = None, **hints: Any) -> dict[str, Any]:
    headers = {} if retry_after is None else {"retry_after": retry_after}
    return says(status, {"error": {"message": "no", "code": code, **hints}}, **headers)


OK = says(200, {"id": "t1", "status": "processing"})
HTML = says(200, "<html>Welcome</html>", content_type="text/html")
NO_CHANNELS = refuses(503, "all_channels_failed", retryable=True)


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
        service: Callable[[httpx.Request], httpx.Response] | None,
        call: Call[Any],
        *,
        once: bool = False,
        api_key: str = KEY,
        base_url: str = BASE,
        **options: Any,
    ) -> Any:
        if service is not None:  # otherwise a real server answers
            options["transport"] = httpx.MockTransport(service)
        if self.kind == "async":
            return asyncio.run(self._through_loop(call, once, api_key, base_url, options))
        with Client(api_key, base_url, sleep=self.slept.append, **options) as client:
            return client.send_once(call) if once else client.send(call)

    async def _through_loop(self, call: Call[Any], once: bool, api_key: str, base_url: str, options: Any) -> Any:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async with AsyncClient(api_key, base_url, sleep=sleep, **options) as client:
            return await (client.send_once(call) if once else client.send(call))

    def error(
        self, service: Callable[[httpx.Request], httpx.Response] | None, call: Call[Any], **more: Any
    ) -> LemonDataError:
        with pytest.raises(LemonDataError) as caught:
            self(service, call, **more)
        return caught.value


def error_classes(cls: type[LemonDataError] = LemonDataError) -> list[type[LemonDataError]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in error_classes(child))]
