"""Where requests meet the network: each is written down, and spoiled where a fault waits for it.

A lost connection is a lost connection here: it happens to the socket, not in an answer that speaks of it.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from lemondata_provider.sandbox.faults import BEFORE, Fault
from lemondata_provider.sandbox.ledger import Request
from lemondata_provider.sandbox.origin import is_foreign
from lemondata_provider.sandbox.service import Service

_KINDS = (
    ("POST", re.compile(r"/v1/videos/generations"), "create"),
    ("GET", re.compile(r"/v1/(tasks|videos/generations)/[^/]+"), "poll"),
    ("DELETE", re.compile(r"/v1/tasks/[^/]+"), "cancel"),
    ("GET", re.compile(r"/v1/(models(/.*)?|pricing)"), "models"),
    ("GET", re.compile(r"/files/.*"), "file"),
    ("HEAD", re.compile(r"/files/.*"), "file"),
)
_CONTROL = re.compile(r"/(sandbox/.*|healthz)")
_CODES = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    402: "insufficient_balance",
    403: "access_denied",
    404: "async_task_not_found",
    413: "payload_too_large",
    429: "rate_limit_exceeded",
    502: "upstream_error",
    503: "all_channels_failed",
    504: "timeout_error",
}
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"


class WireProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, which also lets a request reach its own connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # because uvicorn types it wider
        """Keep the transport where the ASGI scope of every request of this connection shows it."""
        super().connection_made(transport)
        # asyncio leaves Nagle's algorithm on for a listener that was made elsewhere: 40 ms for every answer.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass
class Channel:
    """One request's way back to its client."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def transport(self) -> asyncio.Transport:
        """The connection itself."""
        transport: asyncio.Transport = self.scope["state"]["transport"]
        return transport

    async def heard(self) -> None:
        """Read the request to its end: a client that is still sending would take a fault for another one."""
        while (await self.receive()).get("more_body"):
            pass

    async def gone(self) -> None:
        """Wait until the connection is closed, by whichever side."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def close(self) -> None:
        """Close the connection after what was already sent."""
        self.transport.close()
        await self.gone()

    async def reset(self) -> None:
        """Reset the connection: the client's next read fails."""
        # A socket that lingers for zero seconds says RST instead of FIN.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self.gone()

    async def hang(self, seconds: float) -> None:
        """Say nothing for so long, or until the client goes away; then close."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.gone(), seconds)
        await self.close()

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a whole answer."""
        await self.begin(status, len(body), headers)
        await self.send({"type": "http.response.body", "body": body})

    async def break_off(self, answer: Answer, headers: Mapping[str, str], share: float) -> None:
        """Send the head of an answer and a share of its body, then close the connection."""
        await self.begin(answer.status, len(answer.body), headers)
        part = bytes(answer.body[: int(len(answer.body) * share)])
        await self.send({"type": "http.response.body", "body": part, "more_body": True})
        await self.close()

    async def begin(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer."""
        raw = {name.lower(): value for name, value in headers.items()} | {"content-length": str(length)}
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in raw.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})


@dataclass
class Answer:
    """An answer of the application that was caught before it was sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    @property
    def content_type(self) -> str:
        """What the application said that the body is."""
        return self.headers.get("content-type", "")

    async def catch(self, message: Message) -> None:
        """Take the place of the ASGI `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.lower().decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            self.body += message.get("body", b"")


class Gate:
    """The outermost layer of the application: ledger, gateway prefix and faults."""

    def __init__(self, app: ASGIApp, service: Service, host: str, log: Callable[[Request], None]) -> None:
        self.app = app
        self.service = service
        self.host = host
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as an ASGI application."""
        prefix = self.service.settings.path_prefix.rstrip("/")
        path: str = scope["path"]
        if prefix and path.startswith(f"{prefix}/"):
            scope["root_path"], path = prefix, path[len(prefix) :]
        if _CONTROL.fullmatch(path):
            if path.startswith("/sandbox/") and is_foreign(scope, self.host):
                body = _encoded({"error": {"message": "The controls are for this machine only."}})
                await Channel(scope, receive, send).answer(403, body, {"content-type": "application/json"})
                return
            await self.app(scope, receive, send)
            return
        kind = _kind(scope["method"], path)
        record = Request(kind, scope["method"], scope["path"], self.service.clock())
        fault = self.service.faults.take(kind)
        record.fault = fault.kind if fault else None
        self.service.ledger.arrived(record)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)

        try:
            await self._serve(fault, Channel(scope, receive, noted))
        finally:
            self.log(record)

    async def _serve(self, fault: Fault | None, channel: Channel) -> None:
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            fault = None
        if fault is None:
            await self.app(channel.scope, channel.receive, channel.send)
        elif fault.kind in BEFORE:
            await channel.heard()
            await _BEFORE[fault.kind](fault, channel)
        else:
            answer = Answer()
            await self.app(channel.scope, channel.receive, answer.catch)
            await _AFTER[fault.kind](fault, answer, channel)


def _kind(method: str, path: str) -> str:
    return next((kind for verb, pattern, kind in _KINDS if verb == method and pattern.fullmatch(path)), "other")


async def _reset(_fault: Fault, channel: Channel) -> None:
    await channel.reset()


async def _hang_before(fault: Fault, channel: Channel) -> None:
    await channel.hang(fault.seconds)


async def _html_502_before(fault: Fault, channel: Channel) -> None:
    await channel.answer(fault.status or 502, _HTML, {"Content-Type": "text/html", **fault.headers})


async def _error(fault: Fault, channel: Channel) -> None:
    status = fault.status or 500
    hints = {"retryable": fault.retryable, "retry_after": fault.retry_after}
    error: dict[str, Any] = {
        "message": fault.message or f"A fault that was asked for: {status}.",
        "type": "invalid_request_error" if status < 500 else "server_error",
        "code": fault.code or _CODES.get(status, "server_error"),
        **{name: value for name, value in hints.items() if value is not None},
    }
    headers = {"content-type": "application/json"}
    if fault.retry_after is not None:
        headers["retry-after"] = f"{fault.retry_after:g}"
    if isinstance(fault.body, str):
        headers["content-type"] = "text/html"
    headers |= {name.lower(): value for name, value in fault.headers.items()}
    await channel.answer(status, _encoded({"error": error} if fault.body is None else fault.body), headers)


def _encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


async def _redirect(fault: Fault, channel: Channel) -> None:
    headers = {"Location": fault.location or "https://elsewhere.invalid/", **fault.headers}
    await channel.answer(fault.status or 307, b"", headers)


async def _lost_answer(_fault: Fault, _answer: Answer, channel: Channel) -> None:
    await channel.close()


async def _hang(fault: Fault, _answer: Answer, channel: Channel) -> None:
    await channel.hang(fault.seconds)


async def _html_502(fault: Fault, _answer: Answer, channel: Channel) -> None:
    await _html_502_before(fault, channel)


async def _truncated_json(_fault: Fault, answer: Answer, channel: Channel) -> None:
    await channel.break_off(answer, {"Content-Type": answer.content_type}, 0.5)


async def _cut(fault: Fault, answer: Answer, channel: Channel) -> None:
    await channel.break_off(answer, answer.headers, fault.share)


async def _half_json(_fault: Fault, answer: Answer, channel: Channel) -> None:
    half = bytes(answer.body[: len(answer.body) // 2])
    await channel.answer(answer.status, half, {"Content-Type": answer.content_type})


async def _unreadable(fault: Fault, _answer: Answer, channel: Channel) -> None:
    body = "<<< no JSON here >>>" if fault.body is None else fault.body
    await channel.answer(fault.status or 200, _encoded(body), {"Content-Type": "text/plain", **fault.headers})


_BEFORE: Mapping[str, Callable[[Fault, Channel], Awaitable[None]]] = {
    "reset": _reset,
    "hang_before": _hang_before,
    "html_502_before": _html_502_before,
    "error": _error,
    "redirect": _redirect,
}
_AFTER: Mapping[str, Callable[[Fault, Answer, Channel], Awaitable[None]]] = {
    "lost_answer": _lost_answer,
    "hang": _hang,
    "html_502": _html_502,
    "truncated_json": _truncated_json,
    "half_json": _half_json,
    "unreadable": _unreadable,
    "cut": _cut,
}
