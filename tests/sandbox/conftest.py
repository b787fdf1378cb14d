from __future__ import annotations

import io
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import av
import httpx
import pytest

from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

# Reading the certificates for each client would take longer than most tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Clock:
    """A clock that a test moves on, so that no test has to wait."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def forward(self, seconds: float) -> None:
        self.offset += seconds


class Api:
    """The HTTP calls that nearly every test makes."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, clock: Clock) -> None:
        self.sandbox, self.http, self.clock = sandbox, http, clock

    def post(self, **body: Any) -> httpx.Response:
        return self.http.post("/v1/videos/generations", json={"model": "sora-2", "prompt": "a cat", **body})

    def create(self, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(**body).raise_for_status().json()
        return answer

    def poll(self, task: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(task["poll_url"]).raise_for_status().json()
        return answer

    def finish(self, **body: Any) -> dict[str, Any]:
        task = self.create(**body)
        self.clock.forward(10)
        return self.poll(task)

    def video(self, **body: Any) -> bytes:
        return self.http.get(self.finish(**body)["video_url"]).raise_for_status().content


class Decoded:
    """A video, taken apart."""

    def __init__(self, content: bytes) -> None:
        with av.open(io.BytesIO(content), "r") as container:
            stream = container.streams.video[0]
            self.codec, self.pixels = stream.codec_context.name, stream.codec_context.pix_fmt
            self.rate, self.seconds = stream.average_rate, (container.duration or 0) / av.time_base
            self.frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            self.size = stream.width, stream.height
        with av.open(io.BytesIO(content), "r") as container:
            self.sound = sum(frame.samples for frame in container.decode(audio=0)) if container.streams.audio else 0


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def running(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(Settings(pending_seconds=1, generation_seconds=10), clock=clock) as server:
        yield server


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def api(sandbox: Sandbox, clock: Clock) -> Iterator[Api]:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=5, verify=NO_TLS, trust_env=False) as http:
        yield Api(sandbox, http, clock)


@pytest.fixture
def decoded() -> type[Decoded]:
    return Decoded


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    def wait(met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not met():
            assert time.monotonic() < deadline, "this did not happen within 5 s"
            time.sleep(0.005)

    return wait
