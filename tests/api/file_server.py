"""A real HTTP server for one file, with a script of what goes wrong with which request."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """How one request is answered; the defaults are those of a good server."""

    status: int | None = None
    body: bytes | None = None  # default: the file
    share: float = 1.0  # of the body is sent, then the connection is closed
    has_length: bool = True  # Content-Length; without it the end of the connection is the end of the body
    has_ranges: bool = True  # Range is honoured
    etag: str | None = None  # default: the server's
    hangs: bool = False  # after that share, until the server ends
    headers: dict[str, str] = field(default_factory=dict)


class FileServer:
    """The file, its validators, and the requests that came."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag: str | None = '"one"'
        self.last_modified: str | None = None
        self.script: list[Reply] = []
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.hanging, self.ending = threading.Event(), threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.paths.append(self.path)
                server.requests.append({name.lower(): value for name, value in self.headers.items()})
                server.answer(self, server.script.pop(0) if server.script else Reply())

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Say nothing of clients that went away."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/files/clip.mp4"

    @property
    def ranges(self) -> list[str | None]:
        return [request.get("range") for request in self.requests]

    def answer(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        body = self.content if reply.body is None else reply.body
        status, headers = reply.status or 200, {"Content-Type": "video/mp4"}
        etag = reply.etag or self.etag
        valid = [value for value in (etag, self.last_modified) if value]
        sent = self.requests[-1]
        asked = re.fullmatch(r"bytes=(\d+)-", sent.get("range", ""))
        if reply.status is None and reply.has_ranges and asked and sent.get("if-range") in valid:
            status, at = 206, int(asked[1])
            headers["Content-Range"] = f"bytes {at}-{len(body) - 1}/{len(body)}"
            body = body[at:]
        headers |= {"ETag": etag} if etag else {}
        headers |= {"Last-Modified": self.last_modified} if self.last_modified else {}
        headers |= {"Content-Length": str(len(body))} if reply.has_length else {"Connection": "close"}
        self._send(handler, status, headers | reply.headers, body[: int(len(body) * reply.share)], reply)

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, reply: Reply
    ) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
        if reply.hangs:
            self.hanging.set()
            self.ending.wait(30)
        if reply.share < 1 or not reply.has_length:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    server = FileServer(content)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()


class MemorySink:
    """A sink that keeps the bytes, and counts the restarts."""

    def __init__(self) -> None:
        self.content = b""
        self.restarts = 0
        self.largest = 0

    def write(self, block: bytes) -> None:
        self.content += block
        self.largest = max(self.largest, len(block))

    def restart(self) -> None:
        self.content = b""
        self.restarts += 1
