"""The files over HTTP, with range requests in each of the ways that servers treat them."""

from __future__ import annotations

import random
from email.utils import formatdate
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class WholeFileResponse(FileResponse):
    """A file from a server that knows no ranges."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole file, whatever part was asked for."""
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def file_response(path: Path, range_requests: str, media_type: str = "video/mp4") -> FileResponse:
    """The answer with a file; `range_requests` is the setting of that name."""
    if range_requests == "ignored":
        return WholeFileResponse(path, media_type=media_type, headers={"Accept-Ranges": "none"})
    number = random.randrange(10**9)  # noqa: S311 # no secret: only another one each time
    changed = {"ETag": f'"{number:x}"', "Last-Modified": formatdate(number, usegmt=True)}
    return FileResponse(path, media_type=media_type, headers=changed if range_requests == "changed" else None)
