"""
A file on this machine, or on a disk that it mounts.

fsspec's own transaction is not used: it copies across file systems, and left half a file under the final name on a full
disk. A temporary file beside the target, renamed or linked, is either there or not.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.results.target import OutputSink, Target

STALE_SECONDS = 86_400  # a temporary file that is older belongs to a process that was killed
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.part")
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES)


class LocalTarget(Target):
    """
    A file.

    :param path: as the user gave it.
    :param file: the absolute path.
    """

    def __init__(self, path: str, file: str) -> None:
        if not file.startswith("/"):
            raise InvalidRequestError(f"{path!r} must be an absolute path: a worker's own folder may be any")
        super().__init__(path, f"file://{file}")
        self.file = Path(file)

    def sibling(self, name: str) -> Target:
        """Return another file in the same folder."""
        return LocalTarget(f"{self.path.rpartition('/')[0]}/{name}", str(self.file.with_name(name)))

    def preflight(self) -> None:
        """Check that the path is no folder, and that its folder can be written, or made."""
        with self.errors_as_output_errors("written"):
            if self.file.is_dir():
                raise self.taken("is a folder")
            folder = next(parent for parent in self.file.parents if parent.exists())
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise self.unwritable(f"cannot be written: this process may not write into {folder}")

    def size(self) -> int | None:
        """Return how many bytes the file has."""
        with self.errors_as_output_errors("read"):
            try:
                if self.file.is_dir():
                    raise self.taken("is a folder")
                return self.file.stat().st_size
            except FileNotFoundError:
                return None

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        with self.errors_as_output_errors("read"):
            return self.file.open("rb")

    def sink(self, exclusive: bool) -> OutputSink:
        """Begin a temporary file beside the target."""
        return LocalSink(self, exclusive)

    def remove(self) -> None:
        """Remove the file, if it is there."""
        with self.errors_as_output_errors("removed"):
            self.file.unlink(missing_ok=True)


class LocalSink:
    """
    A temporary file beside the target, with a name of its own: two tries may run at once.

    :param target: the file to be.
    :param exclusive: never replace another file.
    :param link: gives a file another name, unless that is taken.
    """

    def __init__(self, target: LocalTarget, exclusive: bool, link: Callable[[Path, Path], None] = os.link) -> None:
        self._target = target
        self._exclusive = exclusive
        self._link = link
        with target.errors_as_output_errors("written"):
            folder, name = target.file.parent, target.file.name
            folder.mkdir(parents=True, exist_ok=True)
            remove_stale(folder)
            self.temporary = folder / f".{name[:100]}.{secrets.token_hex(8)}.part"
            self._file = self.temporary.open("xb")

    def write(self, block: bytes) -> None:
        """Take the next bytes."""
        with self._target.errors_as_output_errors("written"):
            self._file.write(block)

    def restart(self) -> None:
        """Forget all bytes."""
        with self._target.errors_as_output_errors("written"):
            self._file.seek(0)
            self._file.truncate()

    def commit(self) -> None:
        """Publish the file in one step, once its bytes are on the disk."""
        with self._target.errors_as_output_errors("written"):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._publish()
            _sync_folder(self._target.file.parent)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # a full disk refuses the rest of the buffer
            self._file.close()
        with suppress(OSError):
            self.temporary.unlink()

    def _publish(self) -> None:
        file = self._target.file
        if self._exclusive:
            try:
                self._link(self.temporary, file)
                self.temporary.unlink()
                return
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
            # A file system without links, such as some network disks, leaves a moment between check and rename.
            if os.path.lexists(file):
                raise FileExistsError(file)
        self.temporary.replace(file)


def remove_stale(folder: Path) -> None:
    """Remove the temporary files of processes that were killed more than a day ago."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - STALE_SECONDS:
                        os.unlink(entry.path)  # an entry is no path


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut, if the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
