"""
Which files the API server may read: only those below the folders of ``[lemondata] media_roots``.

A recorded path alone is not enough, since persons may edit XComs: it must lie below a folder of the configuration, and
name that folder's connection.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any, Protocol
from urllib.parse import unquote

from airflow.configuration import conf

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.plugins.ranges import Version
from lemondata_provider.results.local import LocalTarget
from lemondata_provider.results.objects import ObjectTarget
from lemondata_provider.results.paths import target_for

log = logging.getLogger(__name__)

PIECE = 1024 * 1024  # bytes of one request to the store: s3fs would read ahead by up to 50 MB
MAX_PATH = 2048  # characters
FILE_SYSTEM_SECONDS = 300  # after which a connection is looked up again
SETTING = "[lemondata] media_roots"
NO_ROOTS = f"No folder is listed in {SETTING}, so this page streams nothing."
NO_FILE = "No file is recorded: SubmitVideoOperator(output_path=…) stores one."


class NotStreamedError(Exception):
    """The file is not streamed; the message says why, and what to do."""


class MediaFile(Protocol):
    """A file that may be read."""

    def version(self) -> Version:
        """
        Return the size and tag of the file as it is now.

        :raises FileNotFoundError: it is gone.
        """

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Read from ``start`` to before ``end``, one piece at a time."""


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine: where it really is, with no symbolic link in it."""

    path: Path

    def version(self) -> Version:
        """
        Return size and tag.

        :raises NotStreamedError: it is a folder, a pipe or a device.
        """
        stat = self.path.stat()
        if not S_ISREG(stat.st_mode):  # opening a pipe would wait for its writer
            raise NotStreamedError("The recorded path is no file.")
        return Version(stat.st_size, tag_of(self.path, stat.st_size, stat.st_mtime_ns))

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Read one piece at a time."""
        with open(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(PIECE, end - start))):
                start += len(piece)
                yield piece


@dataclass(frozen=True)
class StoredObject:
    """An object in a bucket."""

    fs: Any
    key: str

    def version(self) -> Version:
        """Return size and tag, as the store says at this moment."""
        self.fs.invalidate_cache()
        info = self.fs.info(self.key)
        changed = info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("mtime")
        return Version(int(info["size"]), tag_of(self.key, info["size"], changed))

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Read by one request for each piece, so that a reader who leaves stops the reading."""
        for at in range(start, end, PIECE):
            yield self.fs.cat_file(self.key, start=at, end=min(at + PIECE, end))


@dataclass(frozen=True)
class Place:
    """
    Where a file or a folder is.

    :param protocol: ``file``, ``s3``, ``gs`` or ``abfs``.
    :param parts: of its path, with nothing in them that leads elsewhere.
    :param conn_id: the connection.
    """

    protocol: str
    parts: tuple[str, ...]
    conn_id: str | None = None

    @classmethod
    def of(cls, path: str) -> Place:
        """
        Return the place of a recorded path.

        :raises InvalidRequestError: this package stores nothing there.
        :raises ValueError: its name may be taken for a path elsewhere.
        """
        if len(path) > MAX_PATH:
            raise ValueError("too long")
        target = target_for(path)
        if any(unquote(part) in (".", "..") or "\\" in part for part in path.split("/")):
            raise ValueError(path)
        if isinstance(target, ObjectTarget) and "" not in (parts := tuple(target.key.split("/"))):
            return cls(target.protocol, parts, target.conn_id)
        if isinstance(target, LocalTarget):
            return cls("file", Path(os.path.realpath(target.file)).parts)
        raise ValueError(path)

    @classmethod
    def of_root(cls, folder: str, conn_id: str | None) -> Place:
        """
        Return the place of a folder of the configuration.

        :raises ValueError: it is none, or too large.
        """
        inside = cls.of(f"{folder.rstrip('/')}/clip.mp4")
        if inside.conn_id or (inside.protocol == "file" and conn_id) or not isinstance(conn_id, (str, type(None))):
            raise ValueError(f"{folder!r} needs its connection beside it, and a folder on a disk has none")
        if inside.protocol == "file" and len(inside.parts) < 3:
            raise ValueError(f"{folder!r} is the whole disk")
        return cls(inside.protocol, inside.parts[:-1], conn_id)

    def holds(self, file: Place) -> bool:
        """Say whether a file lies below this folder, and names its connection."""
        below = len(file.parts) > len(self.parts) and file.parts[: len(self.parts)] == self.parts
        return below and (file.protocol, file.conn_id) == (self.protocol, self.conn_id)


@dataclass(frozen=True)
class MediaRoots:
    """
    The folders that may be read.

    :param roots: the folders.
    :param problem: why there is none, for the person who set them.
    """

    roots: tuple[Place, ...] = ()
    problem: str = NO_ROOTS

    @classmethod
    @lru_cache(maxsize=4)  # a broken value is logged once
    def read(cls, configured: str | None) -> MediaRoots:
        """
        Read the setting.

        :param configured: a JSON object of folders and their connections: ``{"s3://bucket/clips": "aws_default",
            "file:///data/clips": null}``.
        """
        if not configured or not configured.strip():
            return cls()
        try:
            folders = json.loads(configured)
            if not isinstance(folders, Mapping):
                raise ValueError('a JSON object is needed: {"s3://bucket/folder": "connection"}')
            return cls(tuple(Place.of_root(folder, conn_id) for folder, conn_id in folders.items()))
        except (InvalidRequestError, ValueError) as error:
            problem = f"{SETTING} cannot be read, so this page streams nothing: {error}"
            log.error(problem)
            return cls((), problem)

    def find(self, path: str | None) -> MediaFile:
        """
        Return a file that may be read.

        :param path: as it was recorded, with its connection.
        :raises NotStreamedError: it may not.
        """
        place = self._allowed(path)
        if place.protocol == "file":
            return LocalFile(Path(*place.parts))
        period = int(time.monotonic() / FILE_SYSTEM_SECONDS)
        return StoredObject(_file_system(place.protocol, place.conn_id, period), "/".join(place.parts))

    def why_not(self, path: str | None) -> str | None:
        """Return why a file is not streamed; ``None`` if it is, as far as its path tells."""
        try:
            self._allowed(path)
        except NotStreamedError as error:
            return str(error)
        return None

    def _allowed(self, path: str | None) -> Place:
        if not path:
            raise NotStreamedError(NO_FILE)
        if not self.roots:
            raise NotStreamedError(self.problem)
        try:
            place = Place.of(path)
        except (InvalidRequestError, ValueError):
            raise NotStreamedError("The recorded path is no path of a stored video.") from None
        if not any(root.holds(place) for root in self.roots):
            raise NotStreamedError(
                f"The file is in no folder of {SETTING}, or names another connection than that folder's: "
                "an administrator can add it there."
            )
        return place


def media_roots() -> MediaRoots:
    """Return the folders that this API server may read."""
    return MediaRoots.read(conf.get("lemondata", "media_roots", fallback=None))


def tag_of(*facts: Any) -> str:
    """Return a strong entity tag of what tells one version of a file from all others."""
    return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"'


@lru_cache(maxsize=16)
def _file_system(protocol: str, conn_id: str | None, _period: int) -> Any:
    return ObjectTarget("", protocol, conn_id, "").fs
