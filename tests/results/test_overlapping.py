"""A sink that writes while the next bytes arrive."""

from __future__ import annotations

import threading

import pytest

from lemondata_provider.results.overlapping import OverlappingSink

BLOCK = 4


class FakeSink:
    """Remembers what happens to it, and can be told to wait or to fail."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.content = b""
        self.calls: list[str] = []
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
        self.calls.append("restart")

    def commit(self) -> None:
        self.calls.append("commit")

    def abandon(self) -> None:
        self.calls.append("abandon")


def overlapped(sink: FakeSink) -> OverlappingSink:
    return OverlappingSink(sink, BLOCK)


@pytest.mark.parametrize("sizes", [[1], [BLOCK], [3, 3, 3], [BLOCK] * 5, [1] * 17, [3 * BLOCK + 1, 1]])
def test_write_blocks_of_any_size_arrive_whole_and_in_order(sizes):
    inner = FakeSink()
    sink = overlapped(inner)
    blocks = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    for block in blocks:
        sink.write(block)
    sink.commit()
    assert inner.content == b"".join(blocks)
    assert inner.calls == ["commit"]


def test_write_sink_is_slow_next_block_is_taken_meanwhile():
    inner = FakeSink()
    inner.let_go.clear()
    sink = overlapped(inner)
    sink.write(b"aaaa")
    sink.write(b"bbb")  # returns although nothing is written
    assert inner.content == b""
    inner.let_go.set()
    sink.commit()
    assert inner.content == b"aaaabbb"


def test_write_less_than_a_block_needs_no_thread():
    inner = FakeSink()
    sink = overlapped(inner)
    sink.write(b"a")
    sink.commit()
    assert inner.threads == {threading.get_ident()}


@pytest.mark.parametrize("call", ["write", "commit", "restart"])
def test_write_fails_next_call_raises_and_nothing_is_published(call):
    inner = FakeSink(error=OSError("disk full"))
    sink = overlapped(inner)
    sink.write(b"aaaa")
    with pytest.raises(OSError, match="disk full"):
        sink.write(b"bbbb") if call == "write" else getattr(sink, call)()
    sink.abandon()
    assert inner.calls == ["abandon"]


def test_restart_after_some_blocks_forgets_them_all():
    inner = FakeSink()
    sink = overlapped(inner)
    sink.write(b"aaaa")
    sink.write(b"bb")
    sink.restart()
    sink.write(b"cc")
    sink.commit()
    assert inner.content == b"cc"


def test_abandon_write_hangs_file_is_given_up_all_the_same():
    inner = FakeSink()
    inner.let_go.clear()
    sink = overlapped(inner)
    sink.abandon_seconds = 0.01
    sink.write(b"aaaa")
    sink.abandon()
    assert inner.calls == ["abandon"]
    inner.let_go.set()


@pytest.mark.parametrize("allowed", [0, 1])
def test_write_no_more_threads_are_allowed_blocks_are_written_all_the_same(monkeypatch, allowed):
    start = threading.Thread.start
    left = [allowed]

    def refuse(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    inner = FakeSink()
    sink = overlapped(inner)
    for block in (b"aaaa", b"bbbb", b"cc"):
        sink.write(block)
    sink.commit()
    assert inner.content == b"aaaabbbbcc"


class Timeout(BaseException):
    """As Airflow's: no Exception, and raised anywhere."""


def test_abandon_timeout_came_before_the_thread_began_nothing_is_published(monkeypatch):
    def time_out(_: threading.Thread) -> None:
        raise Timeout

    monkeypatch.setattr(threading.Thread, "start", time_out)
    inner = FakeSink()
    sink = overlapped(inner)
    sink.abandon_seconds = 0.01
    with pytest.raises(Timeout):
        sink.write(b"aaaa")
    sink.abandon()
    assert inner.calls == ["abandon"]


def test_abandon_timeout_interrupts_the_waiting_file_is_given_up_all_the_same(mocker):
    inner = FakeSink()
    inner.let_go.clear()
    sink = overlapped(inner)
    sink.write(b"aaaa")
    mocker.patch.object(threading.Event, "wait", side_effect=Timeout)
    with pytest.raises(Timeout):
        sink.abandon()
    mocker.stopall()
    assert inner.calls == ["abandon"]
    inner.let_go.set()
