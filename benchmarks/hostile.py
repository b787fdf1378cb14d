"""What a triggerer's memory, event loop and deadlines make of servers that answer with anything."""

import asyncio
import gzip
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil

from benchmarks.polling import in_new_process
from benchmarks.polling_parts.live import connect, event_of
from benchmarks.report import Report
from harness import processes

WAITS, MANY = 20, 500
SECONDS = 10.0  # until the deadline
MAX_MB, MAX_LAG_MS, MAX_LATE = 200, 50, 5
TICK = 0.005
MB = 1024 * 1024
NOTE = f"""\
{WAITS} or {MANY} waits of one process, {SECONDS:g} s before their deadline, each server in turn. MB: above idle.
Lag of the event loop: how late a timer is, p99, in ms. Late: seconds from the deadline to the last end."""


def answer(body: bytes, status: str = "200 OK", *headers: str) -> list[bytes]:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return [("\r\n".join(lines) + "\r\n\r\n").encode() + body]


def task(**fields: Any) -> bytes:
    return json.dumps({"status": "processing", **fields}).encode()


async def forever(piece: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        await asyncio.sleep(pause)


async def hang() -> AsyncIterator[bytes]:
    await asyncio.sleep(3600)
    yield b""


def error(text: str) -> bytes:
    return json.dumps({"error": {"message": text, "hints": {text[:100]: [text]}}}).encode()


BOMB = gzip.compress(b"\0" * 1000 * MB)
SERVERS: dict[str, Callable[[], Any]] = {
    "NUL in every field": lambda: answer(task(model="a\0b", fail_reason="\0" * 1000)),
    "NUL in a video": lambda: answer(task(status="completed", video_url="https://x.test/\0.mp4", model="\0")),
    "nested 100,000 deep": lambda: answer(b'{"status": "processing", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "100 MB": lambda: answer(task(x="x" * 100 * MB)),
    "3 MB of texts": lambda: answer(task(x=["x" * 300] * 10_000)),
    "a bomb of gzip": lambda: answer(BOMB, "200 OK", "Content-Encoding: gzip"),
    "no end": lambda: forever(b"x" * 65_536),
    "a byte a second": lambda: forever(b" ", 1.0),
    "no answer": hang,
    "5 MB video inside": lambda: answer(task(status="completed", video_url="data:video/mp4;base64," + "QUJD" * MB)),
    "data: without end": lambda: answer(error("data:" * 600_000), "400 Bad Request"),
    "3 MB page of a firewall": lambda: answer(b"<html>" + b"<p>no" * 600_000, "403 Forbidden"),
    "refused key": lambda: answer(error("no such key"), "401 Unauthorized"),
    "redirects in a circle": lambda: answer(b"", "302 Found", "Location: /v1/tasks/again"),
    "a day of Retry-After": lambda: answer(error("later"), "429 Too Many Requests", "Retry-After: 86400"),
    "Remaining: 0": lambda: answer(task(), "200 OK", "X-RateLimit-Limit: 1000", "X-RateLimit-Remaining: 0"),
}


def serve(name: str, port: Any) -> None:
    """Answer every request in one way, on a port that is put into a queue."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                pieces = SERVERS[name]()
                if isinstance(pieces, list):
                    writer.writelines(pieces)
                else:
                    async for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=MB)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Burden(NamedTuple):
    """What waits cost, and how many of them ended."""

    megabytes: float
    lag: float
    late: float
    ended: int


async def measure(url: str, waits: int) -> Burden:
    """Wait for tasks as a triggerer does, until all waits have ended."""
    from lemondata_provider.triggers.task import TaskTrigger  # noqa: PLC0415 # imports Airflow

    connect(url, "hostile")
    process, lags, ends = psutil.Process(), list[float](), list[float]()
    deadline = time.time() + SECONDS

    async def wait(number: int) -> None:
        task_id = f"ldtask_{number}"
        arguments: dict[str, Any] = {"task_id": task_id, "poll_url": f"/v1/tasks/{task_id}", "model": "sora-2"}
        await event_of(TaskTrigger(**arguments, deadline=deadline, lemondata_conn_id="hostile", poll_interval=1.0))
        ends.append(time.time())

    idle = peak = process.memory_info().rss
    running = [asyncio.ensure_future(wait(number)) for number in range(waits)]
    now = asyncio.get_running_loop().time
    while len(ends) < waits and time.time() < deadline + 60:
        before = now()
        await asyncio.sleep(TICK)
        lags.append(now() - before - TICK)
        peak = max(peak, process.memory_info().rss)
    for each in running:
        each.cancel()
    late = max([*ends, deadline]) - deadline if len(ends) == waits else 60.0
    return Burden((peak - idle) / MB, sorted(lags)[int(0.99 * len(lags))] * 1000, late, len(ends))


def main() -> int:
    for variable in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[variable]
    report = Report("Hostile servers", NOTE)
    spawn = get_context("spawn")
    cases = [*((name, WAITS) for name in SERVERS), ("no answer", MANY), ("Remaining: 0", MANY)]
    with processes.exit_on_termination(), TemporaryDirectory() as home:
        os.environ.update(AIRFLOW_HOME=home, AIRFLOW__LOGGING__LOGGING_LEVEL="CRITICAL")
        for name, waits in cases:
            port = spawn.Queue()
            server = spawn.Process(target=serve, args=(name, port), daemon=True)
            server.start()
            burden = in_new_process(measure, f"http://127.0.0.1:{port.get(timeout=60)}", waits)
            server.terminate()
            report.add(f"{name}, {waits} waits: MB", burden.megabytes, MAX_MB, 0)
            report.add("  lag", burden.lag, MAX_LAG_MS, 1)
            report.add("  late", burden.late, MAX_LATE, 1)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
