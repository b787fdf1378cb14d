"""A download and the upload of what has arrived run at the same time: together they take as long as the slower one."""

from __future__ import annotations

import threading

from lemondata_provider.results.target import OutputSink

BLOCK_SIZE = 8 * 1024 * 1024  # bytes; one block is written while the next one arrives
ABANDON_SECONDS = 5.0  # for a write under way, when the file is given up


class OverlappingSink:
    """
    A sink whose blocks are written in a thread, one at a time.

    The error of a write is raised by the call that follows it. A file of less than one block needs no thread.

    :param sink: takes the blocks.
    :param block_size: bytes.
    """

    abandon_seconds = ABANDON_SECONDS

    def __init__(self, sink: OutputSink, block_size: int = BLOCK_SIZE) -> None:
        self._sink = sink
        self._block_size = block_size
        self._block = bytearray()
        self._writing: _Write | None = None

    def write(self, block: bytes) -> None:
        """Take the next bytes."""
        self._block += block
        if len(self._block) < self._block_size:
            return
        self._finish_writing()
        full, self._block = bytes(self._block), bytearray()
        self._writing = _Write(self._sink, full)
        try:
            self._writing.start()
        except RuntimeError:  # this machine allows no more threads
            self._writing = None
            self._sink.write(full)

    def restart(self) -> None:
        """Forget all bytes."""
        self._block.clear()
        self._finish_writing()
        self._sink.restart()

    def commit(self) -> None:
        """Write the rest, and publish the whole file."""
        self._finish_writing()
        if self._block:
            self._sink.write(bytes(self._block))
            self._block.clear()
        self._sink.commit()

    def abandon(self) -> None:
        """Leave nothing behind; a write that hangs is not waited for."""
        try:
            if self._writing:
                self._writing.done.wait(self.abandon_seconds)
        finally:
            self._sink.abandon()

    def _finish_writing(self) -> None:
        if self._writing is None:
            return
        self._writing.done.wait()
        error, self._writing = self._writing.error, None
        if error:
            raise error


class _Write:
    """
    The write of one block in a thread of its own.

    It is waited for by an event: a timeout of Airflow's that interrupts ``Thread.join`` makes Python take a thread that
    runs for one that has ended (python/cpython#90882).
    """

    def __init__(self, sink: OutputSink, block: bytes) -> None:
        self._sink = sink
        self._block = block
        self.done = threading.Event()
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin; a store that hangs does not keep the process alive."""
        threading.Thread(target=self._run, name="lemondata-write", daemon=True).start()

    def _run(self) -> None:
        try:
            self._sink.write(self._block)
        except BaseException as error:  # noqa: BLE001 # it is raised where the bytes come from
            self.error = error
        finally:
            self.done.set()
