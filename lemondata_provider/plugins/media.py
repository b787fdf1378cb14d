"""
The routes of videos and posters: stored files, streamed to those who may read the task instance's XComs.

A route takes no path, only a task instance: :mod:`lemondata_provider.plugins.storage` says what may be read.
"""

import logging
import re
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from lemondata_provider.api.media_type import HEAD_BYTES, media_type_of
from lemondata_provider.plugins.access import readable_entry
from lemondata_provider.plugins.ranges import select
from lemondata_provider.plugins.storage import MediaFile, MediaRoots, NotStreamedError, media_roots
from lemondata_provider.videos.entry import VideoEntry

log = logging.getLogger(__name__)
router = APIRouter(prefix="/media", tags=["media"])

HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=3600",
    "Content-Encoding": "identity",  # or Airflow would compress what is compressed, and lose the ranges
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
Entry = Annotated[VideoEntry, Depends(readable_entry)]
Roots = Annotated[MediaRoots, Depends(media_roots)]


@router.head("/video", include_in_schema=False)
@router.get("/video")
def video(request: Request, entry: Entry, roots: Roots) -> Response:
    """Stream the stored video of a task instance."""
    return _send(request, roots, entry.file, "video/")


@router.head("/poster", include_in_schema=False)
@router.get("/poster")
def poster(request: Request, entry: Entry, roots: Roots) -> Response:
    """Send the first picture of the stored video of a task instance."""
    return _send(request, roots, entry.poster, "image/jpeg")


def _send(request: Request, roots: MediaRoots, path: str | None, kind: str) -> Response:
    try:
        file = roots.find(path)
        return _answer(request, file, str(path), kind)
    except NotStreamedError as error:
        raise HTTPException(404, str(error)) from None
    except FileNotFoundError:
        raise HTTPException(404, "The file is gone: it was moved or deleted.") from None
    except Exception as error:  # noqa: BLE001 # a store's client may raise anything, and its words may hold a signed link
        log.error("%s cannot be read: %s", path, type(error).__name__)
        detail = f"The store of this file cannot be read ({type(error).__name__})."
        raise HTTPException(502, detail) from None


def _answer(request: Request, file: MediaFile, path: str, kind: str) -> Response:
    """Answer with a file whose own bytes are of a kind, such as ``video/``: only what is known to be of it is sent."""
    version = file.version()
    media_type = media_type_of(b"".join(file.pieces(0, min(HEAD_BYTES, version.size))))
    if media_type is None or not media_type.startswith(kind):
        raise NotStreamedError("The file is no video or picture that this page shows.")
    selection = select(request.headers, version)
    name = re.sub(r"[^\w.-]", "_", path.rpartition("/")[2], flags=re.ASCII)
    headers = {**HEADERS, "ETag": version.etag, "Content-Disposition": f'inline; filename="{name}"'}
    if selection.status == 304:
        return Response(status_code=304, headers=headers)
    if selection.status == 416:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{version.size}"})
    if selection.status == 206:
        headers["Content-Range"] = f"bytes {selection.start}-{selection.end - 1}/{version.size}"
    headers["Content-Length"] = str(selection.end - selection.start)
    if request.method == "HEAD":
        return Response(status_code=selection.status, headers=headers, media_type=media_type)
    pieces = file.pieces(selection.start, selection.end)
    return StreamingResponse(pieces, status_code=selection.status, headers=headers, media_type=media_type)
