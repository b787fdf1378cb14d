"""
The service on a real port, in a process of its own: `python -m benchmarks.polling_parts.server`.

Not the sandbox: that gives all tasks one generation time, and takes 2 ms of a core for an answer, where several
policies are measured at the same time. This takes a twentieth of it.
"""

import asyncio
import json
import sys
import time
from http import HTTPStatus
from typing import Any, ClassVar

from benchmarks.polling_parts.scenarios import CREATE_SECONDS
from benchmarks.polling_parts.service import LIMIT, Key, Work

Answer = tuple[int, dict[str, Any], str]  # status, body, one more header


class Account:
    """What belongs to one API key: its window and its tasks."""

    def __init__(self) -> None:
        self.key = Key()
        self.works: dict[str, Work] = {}
        self.polled: set[str] = set()

    def burst(self, seconds: list[float], progress: str, limit: int = LIMIT) -> dict[str, Any]:
        """Create tasks, of which the last one is created now: one request for all, so that it takes no time."""
        self.key = Key(limit)
        first = time.time() - len(seconds) * CREATE_SECONDS
        works = [
            Work(f"ldtask_{number:05}", first + number * CREATE_SECONDS, length, progress)
            for number, length in enumerate(seconds)
        ]
        for work in works:
            self.key.create(work.created)
        self.works = {work.id: work for work in works}
        self.polled.clear()
        return {"tasks": [{"id": work.id, "created": work.created, "ends": work.ends} for work in works]}

    def ledger(self) -> dict[str, int]:
        return {"polls": self.key.polls, "refused": self.key.polls_refused, "polled": len(self.polled)}

    def poll(self, path: str) -> Answer:
        if retry_after := self.key.poll(time.time()):
            error = {"message": "Too many requests", "code": "rate_limit_exceeded", "retry_after": retry_after}
            return 429, {"error": error}, f"Retry-After: {retry_after}\r\n"
        _, kind, name = path.rsplit("/", 2)
        self.polled.add(name)
        return _SHAPES[kind](self.works[name], time.time())


def _task(work: Work, now: float) -> Answer:
    return 200, work.answer(now), ""


def _ended(work: Work, now: float) -> Answer:
    """As HttpSensorTrigger needs it, which takes a 404 for "not yet"."""
    return (200 if now >= work.ends else 404), work.answer(now), ""


def _batch(work: Work, now: float) -> Answer:
    """As OpenAI tells of a batch."""
    batch = {
        "id": work.id,
        "object": "batch",
        "endpoint": "/v1/videos",
        "input_file_id": "file",
        "completion_window": "24h",
        "status": "completed" if now >= work.ends else "in_progress",
        "created_at": int(work.created),
    }
    return 200, batch, ""


_SHAPES = {"tasks": _task, "ended": _ended, "batches": _batch}


class Connection(asyncio.Protocol):
    """One connection of a client; requests come one after the other."""

    accounts: ClassVar[dict[str, Account]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            request, *lines = self.received[:end].decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            rest = self.received[end + 4 :]
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.received = rest[length:]
            self.transport.write(self.answer(request.split()[1], headers["authorization"], rest[:length]))

    def answer(self, path: str, key: str, body: bytes) -> bytes:
        account = self.accounts.setdefault(key, Account())
        if path == "/burst":
            status, content, more = 200, account.burst(**json.loads(body)), ""
        elif path == "/ledger":
            status, content, more = 200, account.ledger(), ""
        else:
            status, content, more = account.poll(path)
        encoded = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n{more}"
        return f"{head}Content-Length: {len(encoded)}\r\n\r\n".encode() + encoded


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Until whoever started this goes away.
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
