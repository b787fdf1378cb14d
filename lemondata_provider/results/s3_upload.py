"""
An upload to S3 that sends several parts at once.

The file of s3fs sends one part after the other, and takes twice as long as its ``put``, which needs the whole file.
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager
from typing import Any

log = logging.getLogger(__name__)

PART_SIZE = 5 * 1024 * 1024  # bytes: the least that S3 takes; 10,000 parts are 50 GB
PARTS_AT_ONCE = 2  # each takes three times its size of memory on its way


class S3Sink:
    """
    An upload in parts, which cannot be seen before it is complete; a small object is one request.

    :param fs: the file system of s3fs.
    :param key: bucket and name.
    :param exclusive: never replace another object.
    :param errors: translates what the file system raises.
    """

    def __init__(
        self, fs: Any, key: str, exclusive: bool, errors: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        bucket, _, name = key.partition("/")
        self._fs = fs
        self._object = {"Bucket": bucket, "Key": name}
        self._condition = {"IfNoneMatch": "*"} if exclusive else {}
        kind = mimetypes.guess_type(name)[0]
        self._headers = {"ContentType": kind} if kind else {}
        self._errors = errors
        self._is_abandoned = False
        self._begin()

    def _begin(self) -> None:
        self._pieces: list[bytes] = []
        self._collected = 0  # bytes
        self._upload: dict[str, str] = {}  # its id, once there is one
        self._parts: list[Future[dict[str, Any]]] = []

    def write(self, block: bytes) -> None:
        """Take the next bytes; send a part when enough are there."""
        self._pieces.append(block)
        self._collected += len(block)
        if self._collected >= PART_SIZE:
            with self._errors("written"):
                self._send_part()

    def restart(self) -> None:
        """Forget all bytes."""
        self._drop()

    def commit(self) -> None:
        """Publish the object."""
        with self._errors("written"):
            if self._upload:
                if self._collected:
                    self._send_part()
                parts = [_description(number, part.result()) for number, part in enumerate(self._parts, 1)]
                upload = {"MultipartUpload": {"Parts": parts}, **self._object, **self._upload}
                self._fs.call_s3("complete_multipart_upload", **upload, **self._condition)
            else:
                content = self._take()
                self._fs.call_s3("put_object", self._headers, Body=content, **self._object, **self._condition)
            self._begin()

    def abandon(self) -> None:
        """Leave nothing behind, not even the parts."""
        self._is_abandoned = True
        self._drop()

    def _drop(self) -> None:
        upload, parts = self._upload, self._parts
        self._begin()
        for part in parts:
            part.cancel()
        if not upload:
            return
        try:
            self._fs.call_s3("abort_multipart_upload", **self._object, **upload)
        except Exception as error:  # noqa: BLE001 # what led here is worth more than this
            log.warning("Parts of s3://%s/%s may be left in the bucket: %s", *self._object.values(), error)

    def _send_part(self) -> None:
        if not self._upload:
            created = self._fs.call_s3("create_multipart_upload", self._headers, **self._object)
            self._upload = {"UploadId": created["UploadId"]}
            if self._is_abandoned:  # while this request hung, so this is the only place that knows the upload
                self._drop()
                raise CancelledError("The upload was given up.")
        if len(self._parts) >= PARTS_AT_ONCE:
            self._parts[-PARTS_AT_ONCE].result()
        names = {"PartNumber": len(self._parts) + 1, **self._object, **self._upload}
        sending = self._fs._call_s3("upload_part", Body=self._take(), **names)  # fsspec names its coroutines so
        self._parts.append(asyncio.run_coroutine_threadsafe(sending, self._fs.loop))

    def _take(self) -> bytes:
        pieces, self._pieces, self._collected = self._pieces, [], 0
        return b"".join(pieces)


def _description(number: int, answer: dict[str, Any]) -> dict[str, Any]:
    """Return what S3 wants to hear of a part again."""
    checksums = {name: value for name, value in answer.items() if name in ("ETag", "ChecksumSHA256")}
    return {"PartNumber": number, **checksums}
