"""The sandbox as a running server, in a thread of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from lemondata_provider.sandbox.app import create_app
from lemondata_provider.sandbox.faults import Fault
from lemondata_provider.sandbox.ledger import Ledger, Request
from lemondata_provider.sandbox.service import Service
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.wire import WireProtocol

_DEADLINE = 10.0


class SandboxError(RuntimeError):
    """The server did not start or did not stop in time."""


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A request that hangs on purpose would hold the shutdown up.
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await super().shutdown(sockets)


class Sandbox:
    """A LemonData double that listens while the ``with`` block runs.

    :param settings: how it behaves; ``reset`` comes back to these.
    :param host: the address to listen on.
    :param port: the port to listen on; 0 takes a free one.
    :param files: the folder that keeps the videos; ``None``: a temporary one, removed at the end.
    :param clock: tells the time as Unix seconds; a test can pass one that it moves itself.
    :param log: called with each API request after it.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        files: Path | None = None,
        clock: Callable[[], float] = time.time,
        log: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self._log = log
        self.service = Service(settings, folder=files, clock=clock)
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.port = port

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; returns when requests are answered."""
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            create_app(self.service, host, self._log),
            http=WireProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="lemondata-sandbox", daemon=True
        )
        self._thread.start()
        _wait_for_start(self._server, self._thread)

    def stop(self) -> None:
        """Close every connection and end the thread; does nothing where nothing runs."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_DEADLINE)
            if self._thread.is_alive():
                raise SandboxError(f"The sandbox did not stop within {_DEADLINE:g} s.")
            self._server = self._thread = None
        self.service.files.close()

    @property
    def url(self) -> str:
        """Where the sandbox listens, without /v1."""
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def api_key(self) -> str:
        """The key that it accepts."""
        return self.settings.api_key

    @property
    def connection_uri(self) -> str:
        """An Airflow connection, as ``AIRFLOW_CONN_LEMONDATA_DEFAULT`` takes it."""
        return json.dumps({"conn_type": "lemondata", "host": self.url, "password": self.api_key})

    @property
    def settings(self) -> Settings:
        """How it behaves now."""
        return self.service.settings

    def configure(self, **changes: Any) -> Settings:
        """Change settings from the next request on."""
        return self.service.configure(changes)

    def fault(self, kind: str, on: str = "create", **details: Any) -> None:
        """Let the next request of a kind go wrong; ``times=-1`` for all of them."""
        self.service.faults.add(Fault.from_mapping({"kind": kind, "on": on, **details}))

    @property
    def ledger(self) -> Ledger:
        """What was asked and what was charged since the last reset."""
        self.service.settle()
        return self.service.ledger

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """Every task as it stands now."""
        return self.service.overview()

    def reset(self) -> None:
        """Back to the first state: no tasks, no faults, an empty ledger, the first settings."""
        self.service.reset()


def _wait_for_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise SandboxError(f"The sandbox did not start within {_DEADLINE:g} s.")
        time.sleep(0.005)
