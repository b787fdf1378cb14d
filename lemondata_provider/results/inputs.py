"""
Media from storage: a file in a bucket or on a disk becomes something that LemonData can fetch.

A signed link if the store can make one that LemonData reaches, otherwise a ``data:`` URL. Both hold secrets, so they
are made right before the submit, and only the request that is sent has them. Source: https://docs.lemondata.cc
(create-video, error-handling).
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from lemondata_provider.api.errors import InputUnreadableError, InvalidRequestError, OutputError, OutputTakenError
from lemondata_provider.api.media_type import HEAD_BYTES, media_type_of
from lemondata_provider.api.request import MEDIA_FIELDS, VideoRequest
from lemondata_provider.api.stored_files import is_stored
from lemondata_provider.catalog.media import is_local
from lemondata_provider.catalog.values import MAX_MEGABYTES, MEGABYTE
from lemondata_provider.results.objects import ObjectTarget
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.target import Target

log = logging.getLogger(__name__)

LINK_SECONDS = 3600
INLINE_ONLY = ("image",)  # most models take no link in it
Send = Callable[[str, str], str]  # takes a field's name and a path
ELEMENTS, ELEMENT_URLS = "kling_elements", "element_input_urls"
NOT_SENT = "Nothing was sent, and nothing was paid for."
# By the beginning of a field's name: the kinds of files it takes, and how many megabytes can be sent as content.
_LIMITS: dict[str, tuple[tuple[str, ...], int]] = {
    "video": (("video",), 50),  # LemonData documents no size: this one bounds the memory of a worker
    "audio": (("audio", "video"), MAX_MEGABYTES["audio_url"]),  # sound alone may be in the container of a video
}
_LIMITS_OF_IMAGES = (("image",), MAX_MEGABYTES["image"])


def sendable(request: VideoRequest, is_local_service: bool) -> VideoRequest:
    """
    Return the request with a link or a ``data:`` URL in the place of each file in storage; itself if it has none.

    :param request: what the user wrote; record, fingerprint and checks use it, because links change with every try.
    :param is_local_service: whether LemonData's base URL is on this machine or network, as the sandbox's is.
    :raises InvalidRequestError: a file is empty, too large or of a wrong type. Nothing was sent.
    :raises InputUnreadableError: a file is not there, or its store cannot be used. Nothing was sent.
    """
    given = {name: value for name in MEDIA_FIELDS if (value := getattr(request, name)) is not None}
    send = partial(_send, is_local_service)
    sent = {name: _each(value, name, send) for name, value in given.items()}
    changed: dict[str, Any] = {name: value for name, value in sent.items() if value != given[name]}
    elements = [_element(index, element, send) for index, element in enumerate(request.kling_elements or [])]
    if elements != (request.kling_elements or []):
        changed[ELEMENTS] = elements
    return request.model_copy(update=changed) if changed else request


def _element(index: int, element: dict[str, Any], send: Send) -> dict[str, Any]:
    if ELEMENT_URLS not in element:
        return element
    urls = _each(element[ELEMENT_URLS], f"{ELEMENTS}[{index}].{ELEMENT_URLS}", send)
    return {**element, ELEMENT_URLS: urls}


def _each(value: Any, name: str, send: Send) -> Any:
    """Change each file in storage, in a list too; everything else stays."""
    if isinstance(value, list):
        return [_each(item, f"{name}[{index}]", send) for index, item in enumerate(value)]
    return send(name, value) if isinstance(value, str) and is_stored(value) else value


def _send(is_local_service: bool, name: str, path: str) -> str:
    """
    Return what is sent for one file.

    :param name: of its field, for errors; with an index in a list.
    """
    kinds, megabytes = _LIMITS.get(name[:5], _LIMITS_OF_IMAGES)
    with _errors_of_inputs(name):
        target = target_for(path)
        size = _checked_size(target)
        media_type = _checked_type(target, name, kinds)
        link = None if name in INLINE_ONLY else target.link(LINK_SECONDS)
        if link and (is_local_service or not is_local(link)):
            log.info("%s: LemonData gets a link to %s, which ends in %d seconds", name, target.uri, LINK_SECONDS)
            return link
        reason = "its store is on a private network" if link else "only the content can be sent"
        content = _content(target, size, megabytes, reason)
        log.info("%s: LemonData gets the content of %s (%s, %d bytes): %s", name, target.uri, media_type, size, reason)
        return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@contextmanager
def _errors_of_inputs(name: str) -> Iterator[None]:
    """Name the field, and say what the error means for the money: nothing."""
    try:
        yield
    except OutputTakenError as error:  # a folder
        raise InvalidRequestError(f"{name}: {error.message} Name a file. {NOT_SENT}") from None
    except OutputError as error:
        raise InputUnreadableError(f"{name}: {error.message} {NOT_SENT}") from error
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{name}: {error.message}. {NOT_SENT}") from None


def _checked_size(target: Target) -> int:
    size = target.size()
    if size is None:
        raise target.unwritable(_missing(target))
    if size == 0:
        raise InvalidRequestError(f"{target.uri} is empty")
    return size


def _missing(target: Target) -> str:
    """Say what is missing: a retry may find the file, if it comes later or is on the disk of another worker."""
    if not isinstance(target, ObjectTarget):
        return "does not exist on this worker"
    try:
        with target.errors_as_output_errors("read"):
            there = target.has_bucket()
    except OutputError:  # with no right to ask, for example
        there = True
    return "does not exist" if there else f"does not exist: there is no bucket {target.bucket!r}"


def _checked_type(target: Target, name: str, kinds: tuple[str, ...]) -> str:
    media_type = media_type_of(target.read_first(HEAD_BYTES))
    if media_type is None:
        raise InvalidRequestError(f"{target.uri} is no image, video or sound of a known type")
    if media_type.partition("/")[0] not in kinds:
        raise InvalidRequestError(f"{target.uri} is {media_type}, and {name} takes {' or '.join(kinds)}")
    return media_type


def _content(target: Target, size: int, most: int, reason: str) -> bytes:
    if size > most * MEGABYTE:
        held = f"{target.uri} has {size / MEGABYTE:.1f} MB, and {most} MB can be sent as content ({reason})"
        raise InvalidRequestError(f"{held}: make it smaller, or give a link that LemonData can reach")
    content = target.read_first(size + 1)
    if len(content) != size:
        raise target.unwritable(f"changed while it was read: it had {size} bytes")
    return content
