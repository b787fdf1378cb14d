"""Answers that are too large or never end, from a real server."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.answer_body import MAX_ANSWER_BYTES, AnswerBody, AnswerTooLargeError
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import AnswerLostError, AuthenticationError, RateLimitError
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.time_limit import OutOfTimeError, run_within
from tests.api.doubles import KEY, POLL, SUBMIT, Sender, every_method

Answer = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ZEROS = b"0" * 10 * MAX_ANSWER_BYTES


class RawServer:
    """A server that answers each connection with the given bytes."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.closed = threading.Event()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                threading.Thread(target=self._answer, args=(connection, answer), daemon=True).start()

    def _answer(self, connection: socket.socket, answer: Answer) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            answer(connection)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                """Closing with bytes unread would reset the connection before the client has read the answer."""

    def close(self) -> None:
        self.closed.set()
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(*answers: Answer) -> RawServer:
        servers.append(RawServer(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def body(content: bytes, *headers: str, status: bytes = b"200 OK") -> Answer:
    head = b"HTTP/1.1 " + status + b"\r\n" + "".join(f"{line}\r\n" for line in headers).encode()
    return lambda connection: connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)


def endless(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\n")
    while True:
        connection.sendall(b" " * 65536)


def dripping(head: bytes) -> Answer:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return drip


def large_redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /v1/final\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


OK = body(b'{"id": "t1", "status": "processing"}')


@pytest.mark.parametrize(
    "answer",
    [
        body(b'{"id": "t1", "x": "' + b"0" * MAX_ANSWER_BYTES + b'"}'),
        body(gzip.compress(ZEROS), "Content-Encoding: gzip"),
        body(zlib.compress(ZEROS), "Content-Encoding: deflate"),
        endless,
    ],
    ids=["large", "gzip bomb", "deflate bomb", "endless"],
)
@every_method
def test_answer_larger_than_the_limit_is_lost_in_little_memory(
    send: Sender, serve: Callable[..., RawServer], call: calls.Call[Any], answer: Answer
) -> None:
    server = serve(answer)
    tracemalloc.start()
    try:
        error = send.error(None, call, base_url=server.url, once=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert type(error) is AnswerLostError
    assert "more than 4 MB" in str(error)
    assert server.url in str(error)
    assert peak < 4 * MAX_ANSWER_BYTES


def test_answer_just_within_the_limit_is_read(send: Sender, serve: Callable[..., RawServer]) -> None:
    content = json.dumps({"id": "t1", "status": "processing"}).encode()
    for answer in (
        body(content.ljust(MAX_ANSWER_BYTES)),
        body(gzip.compress(content.ljust(MAX_ANSWER_BYTES)), "Content-Encoding: gzip"),
    ):
        assert send(None, POLL, base_url=serve(answer).url).id == "t1"


def test_answer_refusal_with_a_large_body_is_still_a_refusal(send: Sender, serve: Callable[..., RawServer]) -> None:
    large = b"0" * (MAX_ANSWER_BYTES + 1)
    error = send.error(None, SUBMIT, base_url=serve(body(large, status=b"401 No")).url, once=True)
    assert type(error) is AuthenticationError
    assert classify_submit_error(error) is SubmitOutcome.REFUSED
    limited = body(large, "Retry-After: 7", status=b"429 Slow")
    error = send.error(None, SUBMIT, base_url=serve(limited).url, once=True)
    assert type(error) is RateLimitError
    assert error.retry_after == 7


def test_answer_too_large_with_the_task_in_its_headers_returns_the_task(
    send: Sender, serve: Callable[..., RawServer]
) -> None:
    server = serve(body(b"0" * (MAX_ANSWER_BYTES + 1), "X-Task-ID: t9"))
    assert send(None, SUBMIT, base_url=server.url, once=True).id == "t9"


def test_answer_redirect_with_an_endless_body_is_followed(send: Sender, serve: Callable[..., RawServer]) -> None:
    assert send(None, POLL, base_url=serve(large_redirect, OK).url).id == "t1"


@pytest.mark.parametrize(
    "head",
    [HEAD + b"X-Slow: ", HEAD + b"\r\n", b"HTTP/1.1 302 Found\r\nLocation: /v1/final\r\nX-Slow: "],
    ids=["headers", "body", "redirect"],
)
def test_answer_dripping_ends_at_the_total_timeout(send: Sender, serve: Callable[..., RawServer], head: bytes) -> None:
    call = calls.get_task("/v1/tasks/t1", timeout=0.2)
    begun = time.monotonic()
    error = send.error(None, call, base_url=serve(dripping(head)).url, once=True)
    assert type(error) is AnswerLostError
    assert "within" in str(error)
    assert time.monotonic() - begun < 3


def test_client_timeout_of_a_submit_grows_with_its_body(serve: Callable[..., RawServer]) -> None:
    with Client(KEY, timeout=5) as client:
        small, large = (
            client._wire.time_limit(SUBMIT, client._http.build_request("POST", "http://x.test", content=b"0" * size))
            for size in (1, 20_000_000)
        )
    assert 5 < small < 30 < large


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", " GZIP "])
def test_answer_body_compressed_in_pieces_is_decoded(encoding: str) -> None:
    packed = gzip.compress(b"0" * 1000) if "gzip" in encoding.lower() else zlib.compress(b"0" * 1000)
    whole = AnswerBody(encoding)
    for at in range(len(packed)):
        whole.add(packed[at : at + 1])
    whole.end()
    assert whole.content == b"0" * 1000


def test_answer_body_many_small_pieces_count_together() -> None:
    whole = AnswerBody()
    for _ in range(MAX_ANSWER_BYTES // 1024):
        whole.add(b"0" * 1024)
    with pytest.raises(AnswerTooLargeError):
        whole.add(b"0")


def test_run_within_function_returns_or_raises_what_it_does() -> None:
    assert run_within(5, lambda: "done") == "done"
    with pytest.raises(KeyboardInterrupt):
        run_within(5, lambda: (_ for _ in ()).throw(KeyboardInterrupt))


def test_run_within_slow_function_raises_out_of_time_error() -> None:
    released = threading.Event()
    with pytest.raises(OutOfTimeError):
        run_within(0.05, released.wait)
    released.set()


def test_client_that_hangs_before_anything_is_sent_ends() -> None:
    released = threading.Event()

    def hang(_: httpx.Request) -> httpx.Response:
        released.wait(10)
        raise httpx.ConnectError("too late")

    with Client(KEY, transport=httpx.MockTransport(hang)) as client, pytest.raises(AnswerLostError):
        client.send_once(calls.get_task("/v1/tasks/t1", timeout=0.1))
    released.set()
