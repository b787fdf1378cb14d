"""
Where a video goes, or media come from: a path on this machine, or an object in a bucket.

What the rest of the package asks of either, and the errors that both raise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from lemondata_provider.api.block_writer import Sink
from lemondata_provider.api.errors import LemonDataError, OutputTakenError, OutputUnwritableError

MAX_SMALL_FILE = 1024 * 1024  # bytes that a sidecar may have


class OutputSink(Sink, Protocol):
    """A file on its way: it cannot be seen before ``commit``, and nothing is left of it after ``abandon``."""

    def commit(self) -> None:
        """
        Publish the whole file.

        :raises OutputTakenError: the sink is exclusive, and another file came in the meantime.
        """

    def abandon(self) -> None:
        """Leave nothing behind; does nothing after ``commit``."""


class Target(ABC):
    """
    One file to be.

    :param path: as the user gave it, with a connection if it has one.
    :param uri: without the connection: what others call the file.
    """

    def __init__(self, path: str, uri: str) -> None:
        self.path = path
        self.uri = uri

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    @abstractmethod
    def sibling(self, name: str) -> Target:
        """Return the target of that name in the same folder."""

    @abstractmethod
    def preflight(self) -> None:
        """
        Find out, at no cost, what would prevent the file.

        :raises OutputUnwritableError: a connection, a package, a bucket or a right is missing.
        :raises OutputTakenError: the path is a folder.
        """

    @abstractmethod
    def size(self) -> int | None:
        """
        Return how many bytes the file has, or ``None`` if there is none; never from a cache.

        :raises OutputUnwritableError: that cannot be known.
        """

    @abstractmethod
    def open(self) -> BinaryIO:
        """Open the file for reading."""

    @abstractmethod
    def sink(self, exclusive: bool) -> OutputSink:
        """
        Begin a new file.

        :param exclusive: never replace another file, also not one that comes in the meantime.
        """

    @abstractmethod
    def remove(self) -> None:
        """Remove the file, if it is there."""

    def read(self) -> bytes | None:
        """Return the content of a small file, or ``None`` if there is none."""
        if (size := self.size()) is None or size > MAX_SMALL_FILE:
            return None
        with self.errors_as_output_errors("read"), self.open() as file:
            return bytes(file.read(MAX_SMALL_FILE))

    def read_first(self, count: int) -> bytes:
        """Return the first bytes of the file, or all if it has fewer."""
        with self.errors_as_output_errors("read"), self.open() as file:
            return bytes(file.read(count))

    def link(self, seconds: int) -> str | None:
        """Return a link that reads the file without credentials for some time, or ``None`` if there is none."""
        return None

    def write(self, content: bytes) -> None:
        """Write a small file at once, over an old one."""
        sink = self.sink(exclusive=False)
        try:
            sink.write(content)
            sink.commit()
        except BaseException:
            sink.abandon()
            raise

    @contextmanager
    def errors_as_output_errors(self, verb: str) -> Iterator[None]:
        """Translate what a file system raises: not all of it is an ``OSError``."""
        try:
            yield
        except LemonDataError:
            raise
        except (FileExistsError, IsADirectoryError):
            raise self.taken() from None
        except Exception as error:  # botocore's errors, and those of other clients, have no common base
            raise self.unwritable(f"cannot be {verb}: {type(error).__name__}: {error}") from error

    def unwritable(self, what: str) -> OutputUnwritableError:
        """Return the error for a file that cannot be written or read."""
        return OutputUnwritableError(f"{self.uri} {what}.")

    def taken(self, what: str = "is already there") -> OutputTakenError:
        """Return the error for a path that holds something else."""
        return OutputTakenError(f"{self.uri} {what}, and stays as it is.")
