"""Blocks that are hashed and written while the next bytes arrive."""

from __future__ import annotations

import hashlib
import sys
import threading
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from pytest_mock import MockerFixture

from lemondata_provider.api import block_writer
from lemondata_provider.api.block_writer import BlockWriter

BLOCK = 4


class FakeSink:
    """Remembers what happens to it, and waits or fails on demand."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.content = b""
        self.threads: set[int] = set()
        self.let_go = threading.Event()
        self.let_go.set()

    def write(self, block: bytes) -> None:
        assert self.let_go.wait(10)
        self.threads.add(threading.get_ident())
        if self.error:
            raise self.error
        self.content += block

    def restart(self) -> None:
        self.content = b""


def writer_to(sink: FakeSink) -> BlockWriter:
    return BlockWriter(sink, BLOCK)


@pytest.mark.parametrize("sizes", [[1], [BLOCK], [3, 3, 3], [BLOCK] * 5, [1] * 17, [3 * BLOCK + 1, 1]])
def test_write_blocks_of_any_size_arrive_whole_and_in_order(sizes: list[int]) -> None:
    inner = FakeSink()
    writer = writer_to(inner)
    blocks = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    for block in blocks:
        writer.write(block)
    assert writer.finish() == hashlib.sha256(inner.content).hexdigest()
    assert inner.content == b"".join(blocks)


def test_write_sink_is_slow_next_block_is_taken_meanwhile() -> None:
    inner = FakeSink()
    inner.let_go.clear()
    writer = writer_to(inner)
    writer.write(b"aaaa")
    writer.write(b"bbb")  # returns although nothing is written
    assert inner.content == b""
    inner.let_go.set()
    writer.finish()
    assert inner.content == b"aaaabbb"


def test_write_less_than_a_block_needs_no_thread() -> None:
    inner = FakeSink()
    writer = writer_to(inner)
    writer.write(b"a")
    writer.finish()
    assert inner.threads == {threading.get_ident()}


@pytest.mark.parametrize("call", ["write", "finish", "restart"])
def test_write_fails_next_call_raises(call: str) -> None:
    inner = FakeSink(error=OSError("disk full"))
    writer = writer_to(inner)
    writer.write(b"aaaa")
    with pytest.raises(OSError, match="disk full"):
        writer.write(b"bbbb") if call == "write" else getattr(writer, call)()
    writer.stop()
    assert inner.content == b""


def test_restart_after_some_blocks_forgets_them_all() -> None:
    inner = FakeSink()
    writer = writer_to(inner)
    writer.write(b"aaaa")
    writer.write(b"bb")
    writer.restart()
    writer.write(b"cc")
    writer.finish()
    assert inner.content == b"cc"


def test_stop_write_hangs_returns_all_the_same() -> None:
    inner = FakeSink()
    inner.let_go.clear()
    writer = writer_to(inner)
    writer.stop_seconds = 0.01
    writer.write(b"aaaa")
    writer.stop()
    assert inner.content == b""
    inner.let_go.set()


@pytest.mark.parametrize("allowed", [0, 1])
def test_write_no_more_threads_are_allowed_blocks_are_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    left = [allowed]

    def refuse(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        start_new_thread(*arguments)

    monkeypatch.setattr(block_writer, "start_new_thread", refuse)
    inner = FakeSink()
    writer = writer_to(inner)
    for block in (b"aaaa", b"bbbb", b"cc"):
        writer.write(block)
    writer.finish()
    assert inner.content == b"aaaabbbbcc"


class Timeout(BaseException):
    """As Airflow's: no Exception, and raised anywhere."""


@contextmanager
def interrupted_at(number: int) -> Iterator[None]:
    """Raise a timeout at this line, or end of a call, of what the writer does in this thread."""
    left = number

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in (block_writer.__file__, threading.__file__):
            return None
        left -= event != "call"
        if left == 0:
            raise Timeout
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def test_stop_timeout_came_before_the_thread_began_returns(mocker: MockerFixture) -> None:
    mocker.patch.object(block_writer, "start_new_thread", side_effect=Timeout)
    inner = FakeSink()
    writer = writer_to(inner)
    writer.stop_seconds = 0.01
    with pytest.raises(Timeout):
        writer.write(b"aaaa")
    writer.stop()
    assert inner.content == b""


def test_stop_after_a_timeout_at_any_line_returns_and_no_block_is_written_twice() -> None:
    line = 0
    while True:
        line += 1
        writer = writer_to(inner := FakeSink())
        writer.stop_seconds = 0.01
        try:
            with interrupted_at(line):
                writer.write(b"aaaa")
                writer.write(b"bbbb")
                writer.finish()
        except Timeout:
            stopping = threading.Thread(target=writer.stop, daemon=True)
            stopping.start()
            stopping.join(5)
            assert not stopping.is_alive(), f"stop() hangs after a timeout at line {line}"
        else:
            break
    assert line > 20
    assert inner.content == b"aaaabbbb"
