"""The poster of a stored video: its first picture as a JPEG beside the file, ``clip.mp4.jpg``, if PyAV is installed."""

from __future__ import annotations

import logging
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from typing import BinaryIO

from lemondata_provider.results.target import Target

log = logging.getLogger(__name__)

MAX_WIDTH = 640  # pixels
MAX_PACKETS = 200  # until the first picture
BITS = 400_000  # of the picture, about


def poster_target(target: Target) -> Target:
    """Return where the poster of a file is."""
    return target.sibling(f"{target.name}.jpg")


def store_poster(target: Target) -> str | None:
    """
    Store the poster of a stored video, and return its path; ``None`` if there is none.

    The video is safe already: whatever fails here is worth a line in the log, and no more.
    """
    try:
        if find_spec("av") is None:
            return None
        with target.open() as file:
            picture = _first_picture(file)
        beside = poster_target(target)
        beside.write(picture)
    except Exception as error:  # noqa: BLE001 # decoders and stores may raise anything
        log.info("%s gets no poster (%s)", target.uri, type(error).__name__)
        return None
    return beside.path


def find_poster(target: Target) -> str | None:
    """Return the path of the poster of a video that was there already, if it has one."""
    beside = poster_target(target)
    try:
        return None if beside.size() is None else beside.path
    except Exception as error:  # noqa: BLE001 # as above
        log.info("The poster of %s cannot be looked up (%s)", target.uri, type(error).__name__)
        return None


def remove_poster(target: Target) -> None:
    """Remove the poster of a video that was replaced by another one, which has none."""
    try:
        beside = poster_target(target)
        if beside.size() is not None:
            beside.remove()
    except Exception as error:  # noqa: BLE001 # as above
        log.info("The old poster of %s cannot be removed (%s)", target.uri, type(error).__name__)


def _first_picture(file: BinaryIO) -> bytes:
    """Return the first picture of a video as a JPEG."""
    import av  # noqa: PLC0415 # optional, and heavy

    with av.open(file, "r") as container:
        stream = container.streams.video[0]
        if stream.codec_context is None:  # PyAV 17 would decode for ever, and no timeout interrupts it
            raise ValueError("no decoder for this video")
        frames = (frame for packet in islice(container.demux(stream), MAX_PACKETS) for frame in packet.decode())
        frame = next(frames)
    width = min(frame.width, MAX_WIDTH) // 2 * 2
    height = max(round(frame.height * width / frame.width) // 2 * 2, 2)
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.bit_rate = BITS
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuvj420p", Fraction(1, 1)
    picture = frame.reformat(width, height, "yuvj420p")
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
