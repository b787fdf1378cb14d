"""The pictures and videos that a request brings along.

The real service fetches them from anywhere. Here, whatever cannot be fetched or decoded is replaced by something
drawn: examples with addresses that do not exist go on working without a network.
"""

from __future__ import annotations

import base64
import io
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from lemondata_provider.sandbox.pictures import Picture

OwnFile = Callable[[str], "Path | None"]

_TIMEOUT = 5.0
_MAX_BYTES = 200_000_000
_MAX_FRAMES = 7_200  # one minute at 120 frames per second: what the API can ask for at most


@dataclass(frozen=True)
class Clip:
    """What is known of a video before its frames are decoded."""

    width: int
    height: int
    rate: Fraction
    content: Path | bytes

    def frames(self) -> Iterator[Picture]:
        """Its frames, one after the other."""
        with _opened(self.content) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= _MAX_FRAMES:
                    return
                yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)

    def has_sound(self) -> bool:
        """Whether there is an audio track."""
        with _opened(self.content) as container:
            return bool(container.streams.audio)


def picture_from(url: str, own_file: OwnFile) -> Picture | None:
    """The picture (or the first frame of the video) behind a URL; None where there is none to be had."""
    clip = clip_from(url, own_file)
    return next(clip.frames(), None) if clip else None


def clip_from(url: str, own_file: OwnFile) -> Clip | None:
    """The video behind a URL; None where there is none to be had."""
    try:
        content = own_file(url) or _fetch(url)
        with _opened(content) as container:
            stream = container.streams.video[0]
            next(container.decode(stream))
            return Clip(stream.width, stream.height, stream.average_rate or Fraction(25), content)
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError):
        return None


def write_last_frame(video: Path, path: Path) -> None:
    """Write the last frame of a video to a path, as PNG."""
    with _opened(video) as container:
        *_, last = container.decode(video=0)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = last.width, last.height, "rgb24"
    packets = [*encoder.encode(last.reformat(format="rgb24")), *encoder.encode()]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))


@contextmanager
def _opened(content: Path | bytes) -> Iterator[InputContainer]:
    with av.open(io.BytesIO(content) if isinstance(content, bytes) else str(content), "r") as container:
        # More threads than frames to decode cost more than they bring.
        for stream in container.streams.video:
            stream.codec_context.thread_count = 1
        yield container


def _fetch(url: str) -> bytes:
    if url.startswith("data:"):
        head, _, payload = url.partition(",")
        text = urllib.parse.unquote_to_bytes(payload)
        return base64.b64decode(text) if head.endswith(";base64") else text
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(f"Not a URL that the service fetches: {url[:80]}")
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 # because the scheme was checked
        content: bytes = answer.read(_MAX_BYTES)
        return content
