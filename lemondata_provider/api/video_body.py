"""The bytes of a video on their way to a sink: counted and checked as they come."""

from __future__ import annotations

from dataclasses import dataclass

from lemondata_provider.api.block_writer import BlockWriter, Sink
from lemondata_provider.api.container import SIGNATURE_BYTES, ContainerReader, VideoFacts, container_of
from lemondata_provider.api.errors import NotAVideoError, VideoTooLargeError

PAID = "The video is paid for; a retry stores it at no cost."


@dataclass(frozen=True)
class Downloaded:
    """
    A whole file.

    :param size: bytes.
    :param sha256: of the bytes, in hexadecimal digits.
    :param facts: what the file says of itself.
    """

    size: int
    sha256: str
    facts: VideoFacts


class Interrupted(Exception):  # noqa: N818 # it leads to another attempt
    """The transfer stopped before the end of the file."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class VideoBody:
    """
    The bytes so far.

    :param sink: where they go.
    :param max_bytes: the largest size to accept.
    """

    def __init__(self, sink: Sink, max_bytes: int | None) -> None:
        self._writer = BlockWriter(sink)
        self._max_bytes = max_bytes
        self.received = 0
        self.most = 0  # before any restart
        self._begin()

    def _begin(self) -> None:
        self._head = b""
        self._reader: ContainerReader | None = None

    def restart(self) -> None:
        """Begin with the first byte again."""
        if self.received:
            self._writer.restart()
        self.received = 0
        self._begin()

    def check_size(self, size: int) -> None:
        """Refuse a size above the limit."""
        if self._max_bytes is not None and size > self._max_bytes:
            raise VideoTooLargeError(
                f"The video has {size:,} bytes or more, and max_bytes is {self._max_bytes:,}. "
                "The video is paid for: raise max_bytes, and a new try downloads it at no cost."
            )

    def write(self, block: bytes, content_type: str) -> None:
        """Take the next bytes; store none before the first ones are known to be a video."""
        if self._reader:
            self._store(self._reader, block)
        elif len(self._head) + len(block) < SIGNATURE_BYTES:
            self._head += block
        else:
            self._recognize(self._head + block, content_type)

    def end(self, content_type: str) -> Downloaded:
        """Check the whole file, and describe it."""
        if self._head:
            self._recognize(self._head, content_type)
        if self._reader is None:
            raise Interrupted("the answer is empty")
        if self._reader.is_whole is False:
            raise Interrupted("the file is cut: its boxes run past its end, or its index is missing")
        return Downloaded(self.received, self._writer.finish(), self._reader.facts)

    def stop(self) -> None:
        """Let a write under way end, before the file is given up."""
        self._writer.stop()

    def _recognize(self, head: bytes, content_type: str) -> None:
        self._head = b""
        container = container_of(head)
        if container is None:
            raise NotAVideoError(f"The link leads to no video ({content_type}): {head[:40]!r}. {PAID}")
        self._reader = ContainerReader(container)
        self._store(self._reader, head)

    def _store(self, reader: ContainerReader, block: bytes) -> None:
        self.check_size(self.received + len(block))
        self._writer.write(block)
        reader.feed(block)
        self.received += len(block)
        self.most = max(self.most, self.received)
