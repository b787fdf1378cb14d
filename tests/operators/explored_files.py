"""Files and downloads as an explored process finds them: each step of a download may be the last one of its process."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any, BinaryIO

from lemondata_provider.api.container import VideoFacts
from lemondata_provider.api.video_body import Downloaded
from lemondata_provider.results.target import OutputSink, Target

if TYPE_CHECKING:
    from tests.operators.exploring import Process

VIDEO_URL = "https://x.test/{}"


class ExploredDownloader:
    """Downloads the video of a task, which is its id."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def download(self, url: str, sink: Any, renew: Any, max_bytes: int | None) -> Downloaded:
        content = self._process.download(url.rpartition("/")[2])
        sink.write(content)
        return Downloaded(len(content), hashlib.sha256(content).hexdigest(), VideoFacts("mp4"))

    def __enter__(self) -> ExploredDownloader:
        return self

    def __exit__(self, *_: object) -> None:
        """Have nothing to close."""


class ExploredTarget(Target):
    """A file that outlives the process."""

    def __init__(self, process: Process, path: str) -> None:
        super().__init__(path, f"file://{path}")
        self.process = process

    def sibling(self, name: str) -> Target:
        return ExploredTarget(self.process, f"{self.path.rpartition('/')[0]}/{name}")

    def preflight(self) -> None:
        """Find nothing in the way."""

    def size(self) -> int | None:
        content = self.process.files.get(self.path)
        return None if content is None else len(content)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.process.files[self.path].encode())

    def sink(self, exclusive: bool) -> OutputSink:
        return ExploredSink(self, exclusive)

    def remove(self) -> None:
        self.process.remove(self.path)


class ExploredSink:
    """A file on its way."""

    def __init__(self, target: ExploredTarget, exclusive: bool) -> None:
        self._target, self._exclusive, self._content = target, exclusive, b""

    def write(self, block: bytes) -> None:
        self._content += block

    def restart(self) -> None:
        self._content = b""

    def commit(self) -> None:
        target = self._target
        if self._exclusive and target.path in target.process.files:
            raise target.taken()
        target.process.publish(target.path, self._content.decode())

    def abandon(self) -> None:
        """Leave nothing behind."""
