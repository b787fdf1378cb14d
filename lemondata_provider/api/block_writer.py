"""A download, and the hashing and storing of what has arrived, run at the same time: as long as the slower of both."""

from __future__ import annotations

import hashlib
from _thread import allocate_lock, start_new_thread
from typing import Protocol

BLOCK_SIZE = 4 * 1024 * 1024  # bytes; one block is hashed and written while the next one arrives
PIECES_AT_ONCE = 8  # a copy that the processor's cache holds; one of a whole block takes as long as hashing it


class Sink(Protocol):
    """Where the bytes go; nothing is to be seen of them before the caller publishes them."""

    def write(self, block: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all bytes: the file begins again."""


class BlockWriter:
    """
    Collects bytes to blocks, and hashes and writes each block in a thread, one at a time.

    The error of a write is raised by the call that follows it. A file of less than one block needs no thread.

    :param sink: takes the blocks.
    :param block_size: bytes.
    """

    stop_seconds = 5.0  # for a write under way, when the file is given up

    def __init__(self, sink: Sink, block_size: int = BLOCK_SIZE) -> None:
        self._sink = sink
        self._block_size = block_size
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._collected = 0  # bytes
        self._writing: _Write | None = None

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(piece)
        self._collected += len(piece)
        if self._collected < self._block_size:
            return
        self._finish_writing()
        pieces = self._take()
        self._writing = _Write(self, pieces)
        try:
            self._writing.start()
        except RuntimeError:  # this machine allows no more threads
            self._writing = None
            self.store(pieces)

    def restart(self) -> None:
        """Forget all bytes."""
        self._take()
        self._finish_writing()
        self._digest = hashlib.sha256()
        self._sink.restart()

    def finish(self) -> str:
        """Write the rest, and return the SHA-256 of all bytes in hexadecimal digits."""
        self._finish_writing()
        self.store(self._take())
        return self._digest.hexdigest()

    def stop(self) -> None:
        """Let a write under way end, before the file is given up; one that hangs is not waited for."""
        if self._writing:
            self._writing.running.acquire(timeout=self.stop_seconds)

    def store(self, pieces: list[bytes]) -> None:
        """Hash and write one block."""
        for first in range(0, len(pieces), PIECES_AT_ONCE):
            part = b"".join(pieces[first : first + PIECES_AT_ONCE])
            self._digest.update(part)
            self._sink.write(part)

    def _take(self) -> list[bytes]:
        pieces, self._pieces, self._collected = self._pieces, [], 0
        return pieces

    def _finish_writing(self) -> None:
        if self._writing is None:
            return
        with self._writing.running:
            error = self._writing.error
        self._writing = None
        if error:
            raise error


class _Write:
    """
    The write of one block in a thread of its own.

    Its end is the release of a lock. A timeout of Airflow's that interrupts ``Event.wait``, ``Thread.start`` or
    ``Thread.join`` may leave a lock of theirs held for ever, or make them raise something else (python/cpython#90882).
    """

    def __init__(self, writer: BlockWriter, pieces: list[bytes]) -> None:
        self._writer = writer
        self._pieces = pieces
        self.running = allocate_lock()
        self.running.acquire()
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin; a store that hangs does not keep the process alive."""
        start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            self._writer.store(self._pieces)
        except BaseException as error:  # noqa: BLE001 # it is raised where the bytes come from
            self.error = error
        finally:
            self.running.release()
