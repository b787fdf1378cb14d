"""
An object in a bucket: S3, Google Cloud Storage or Azure, with an Airflow connection.

``with path.open("wb")`` of an ``ObjectStoragePath`` publishes half a file if its writer fails, because leaving the
block closes the file. So the file is opened without ``with``: ``close()`` publishes it, ``discard()`` abandons it. No
temporary name, no copy, and no right to delete is needed.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any, BinaryIO, cast

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.io import get_fs

from lemondata_provider.api.http_logs import quiet_http_logs
from lemondata_provider.api.signed_links import is_link
from lemondata_provider.results.s3_upload import S3Sink
from lemondata_provider.results.target import OutputSink, Target

log = logging.getLogger(__name__)

BLOCK_SIZE = 8 * 1024 * 1024  # the file system's own of 50 MiB takes 155 MB of memory; 10,000 parts of it are 80 GB
# What installs the file system of a protocol: extras of this package.
EXTRAS = {"s3": "s3", "gs": "gcs", "abfs": "azure"}


class ObjectTarget(Target):
    """
    An object.

    :param path: as the user gave it, with the connection.
    :param protocol: ``s3``, ``gs`` or ``abfs``.
    :param conn_id: the connection, if the path has one.
    :param key: bucket and name.
    """

    def __init__(self, path: str, protocol: str, conn_id: str | None, key: str) -> None:
        super().__init__(path, f"{protocol}://{key}")
        self.protocol = protocol
        self.conn_id = conn_id
        self.key = key

    @cached_property
    def fs(self) -> Any:
        """
        Return the file system; build it late, because it opens connections.

        ``ObjectStoragePath`` keeps one for the life of a process: anonymous for ever, if the connection came later.
        """
        if self.conn_id:
            self._check_connection(self.conn_id)
        try:
            fs = get_fs(self.protocol, self.conn_id)
            # Only s3fs has it. Without it, botocore signs links by version 2 in some regions, which new buckets refuse.
            getattr(fs, "config_kwargs", {}).setdefault("signature_version", "s3v4")
            return fs
        except (ImportError, ValueError) as error:
            extra = f"pip install 'airflow-provider-lemondata[{EXTRAS[self.protocol]}]', and restart Airflow"
            raise self.unwritable(f"needs a package that is not installed ({error}): {extra}") from error
        except Exception as error:
            raise self.unwritable(f"cannot be reached: {type(error).__name__}: {error}") from error

    def sibling(self, name: str) -> Target:
        """Return another object, with the same file system."""
        path, key = (f"{given.rpartition('/')[0]}/{name}" for given in (self.path, self.key))
        other = ObjectTarget(path, self.protocol, self.conn_id, key)
        other.fs = self.fs
        return other

    def preflight(self) -> None:
        """Check connection, package and bucket."""
        with self.errors_as_output_errors("written"):
            try:
                there = self.has_bucket()
            except PermissionError:
                log.info("This connection may not read the bucket %s; it may still write into it", self.bucket)
                return
        if not there:
            raise self.unwritable(f"cannot be written: there is no bucket {self.bucket!r}")

    def size(self) -> int | None:
        """Return how many bytes the object has."""
        with self.errors_as_output_errors("read (with no right to list the bucket, a missing file looks the same)"):
            self.fs.invalidate_cache()  # a listing of earlier would answer for what others wrote since
            try:
                info = self.fs.info(self.key)
            except FileNotFoundError:
                return None
            return int(info["size"]) if info["type"] == "file" else None

    def open(self) -> BinaryIO:
        """Open the object for reading."""
        with self.errors_as_output_errors("read"):
            return cast("BinaryIO", self.fs.open(self.key, "rb", block_size=BLOCK_SIZE))

    def read_first(self, count: int) -> bytes:
        """Return the first bytes of the object, by one request that asks for no more."""
        with self.errors_as_output_errors("read"):
            return cast("bytes", self.fs.cat_file(self.key, start=0, end=count))

    def link(self, seconds: int) -> str | None:
        """Return a signed link; none if this store, or the credentials of this connection, cannot sign."""
        try:
            with quiet_http_logs():  # botocore logs what it signs
                link = str(self.fs.sign(self.key, expiration=seconds))
        except Exception as error:  # noqa: BLE001 # every client has its own for credentials without a private key
            log.info("This connection signs no link to %s (%s)", self.uri, type(error).__name__)
            return None
        return link if is_link(link) else None

    def sink(self, exclusive: bool) -> OutputSink:
        """Begin an upload."""
        if self.protocol == "s3":
            return S3Sink(self.fs, self.key, exclusive, self.errors_as_output_errors)
        return ObjectSink(self, exclusive)

    def remove(self) -> None:
        """Remove the object, if it is there."""
        with self.errors_as_output_errors("removed"):
            self.fs.rm_file(self.key)

    def _check_connection(self, conn_id: str) -> None:
        # Airflow logs that a connection is missing, and goes on without credentials.
        try:
            BaseHook.get_connection(conn_id)
        except AirflowNotFoundException:
            raise self.unwritable(f"names the connection {conn_id!r}, which is not defined") from None
        except Exception as error:  # a secrets backend may raise anything
            raise self.unwritable(f"names the connection {conn_id!r}, which cannot be looked up: {error}") from error

    @property
    def bucket(self) -> str:
        """Return the name of the bucket."""
        return self.key.partition("/")[0]

    def has_bucket(self) -> bool:
        """
        Say whether the bucket is there.

        :raises PermissionError: this connection may not ask that.
        """
        if self.protocol != "s3":
            return bool(self.fs.exists(self.bucket))
        try:  # s3fs's own exists() takes every trouble for "not there"
            self.fs.call_s3("head_bucket", Bucket=self.bucket)
        except FileNotFoundError:
            return False
        return True


class ObjectSink:
    """An upload in parts, which cannot be seen before it is complete."""

    def __init__(self, target: ObjectTarget, exclusive: bool) -> None:
        self._target = target
        self._exclusive = exclusive
        self._begin()

    def _begin(self) -> None:
        target = self._target
        with target.errors_as_output_errors("written"):
            mode = "xb" if self._exclusive else "wb"
            self._file: Any = target.fs.open(target.key, mode, block_size=BLOCK_SIZE)

    def write(self, block: bytes) -> None:
        """Take the next bytes; upload a part when enough are there."""
        with self._target.errors_as_output_errors("written"):
            self._file.write(block)

    def restart(self) -> None:
        """Forget all bytes."""
        self.abandon()
        self._begin()

    def commit(self) -> None:
        """Publish the object."""
        with self._target.errors_as_output_errors("written"):
            self._file.close()
            self._file = None

    def abandon(self) -> None:
        """Leave nothing behind, not even the parts."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if hasattr(file, "discard"):  # Azure's has none, and forgets the parts by itself
                file.discard()
        except Exception as error:  # noqa: BLE001 # what led here is worth more than this
            log.warning("Parts of %s may be left in the bucket: %s", self._target.uri, error)
        finally:
            file.closed = True  # or the garbage collector would publish it
