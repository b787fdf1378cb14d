"""The service on a real port. Not the sandbox: all tasks of that have one generation time."""

import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.polling_parts.scenarios import CREATE_SECONDS
from benchmarks.polling_parts.service import LIMIT, Key, Work


class Account:
    """The tasks and the rate limit of one API key."""

    def __init__(self) -> None:
        self.key = Key()
        self.works: list[Work] = []
        self.polled: set[int] = set()

    def burst(self, seconds: list[float], progress: str, limit: int = LIMIT) -> list[tuple[float, float]]:
        """Create tasks, the last of them now, and return when each was created and when it ends."""
        self.key, self.works = Key(limit), []
        first = time.time() - len(seconds) * CREATE_SECONDS
        for number, length in enumerate(seconds):
            work = Work(str(number), first + number * CREATE_SECONDS, length, progress)
            self.key.request(work.created)
            self.works.append(work)
        return [(work.created, work.ends) for work in self.works]

    def ledger(self) -> dict[str, int]:
        return {"requests": self.key.requests, "refused": self.key.refused, "polled": len(self.polled)}

    def poll(self, number: int) -> JSONResponse:
        if retry_after := self.key.request(time.time()):
            error = {"message": "Too many requests", "code": "rate_limit_exceeded", "retry_after": retry_after}
            return JSONResponse({"error": error}, 429, {"Retry-After": str(retry_after)})
        self.polled.add(number)
        return JSONResponse(self.works[number].answer(time.time()))


accounts: defaultdict[str, Account] = defaultdict(Account)


async def _burst(request: Request) -> JSONResponse:
    return JSONResponse(accounts[request.headers["authorization"]].burst(**await request.json()))


async def _ledger(request: Request) -> JSONResponse:
    return JSONResponse(accounts[request.headers["authorization"]].ledger())


async def _poll(request: Request) -> JSONResponse:
    return accounts[request.headers["authorization"]].poll(request.path_params["number"])


def _serve(listener: socket.socket) -> None:
    routes = [
        Route("/v1/tasks/{number:int}", _poll),
        Route("/burst", _burst, methods=["POST"]),
        Route("/ledger", _ledger),
    ]
    config = uvicorn.Config(Starlette(routes=routes), log_level="error", access_log=False, timeout_keep_alive=600)
    uvicorn.Server(config).run([listener])


@contextmanager
def serving() -> Iterator[str]:
    """Run the service in a new process, and return its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        process = get_context("spawn").Process(target=_serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.join()
