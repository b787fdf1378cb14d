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
        full, self._block = self._block, bytearray()
        self._writing = _Write(self._sink, bytes(full))
        self._writing.start()

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
        if self._writing:
            self._writing.join(self.abandon_seconds)
        self._sink.abandon()

    def _finish_writing(self) -> None:
        if self._writing is None:
            return
        self._writing.join()
        error, self._writing = self._writing.error, None
        if error:
            raise error


class _Write(threading.Thread):
    """The write of one block. A daemon: a store that hangs does not keep the process alive."""

    def __init__(self, sink: OutputSink, block: bytes) -> None:
        super().__init__(name="lemondata-write", daemon=True)
        self._sink = sink
        self._block = block
        self.error: BaseException | None = None

    def run(self) -> None:
        """Write the block, and keep what it raises."""
        try:
            self._sink.write(self._block)
        except BaseException as error:  # noqa: BLE001 # it is raised where the bytes come from
            self.error = error
