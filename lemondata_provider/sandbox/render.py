"""From an order to an MP4 file: H.264 pictures and, on request, a quiet tone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

from lemondata_provider.sandbox.media import OwnFile, clip_from, picture_from
from lemondata_provider.sandbox.orders import Order
from lemondata_provider.sandbox.pictures import Picture, cover, landscape, mix, scaled, slideshow
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.sizes import Size, size_of

_SAMPLE_RATE = 44_100
_LOUDNESS = 0.05


@dataclass(frozen=True)
class Film:
    """Frames with what the encoder has to know about them."""

    size: Size
    rate: Fraction
    frames: Iterable[Picture]
    sound: bool


def draw(order: Order, settings: Settings, path: Path, own_file: OwnFile) -> None:
    """Write the video of an order; `own_file` finds the videos that the sandbox itself has made."""
    film = _OPERATIONS[order.operation](order, settings, own_file)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        _encode(container, film)


def _from_text(order: Order, settings: Settings, _own_file: OwnFile) -> Film:
    size = size_of(order, settings)
    count = order.duration * order.fps
    return Film(size, Fraction(order.fps), landscape(order.prompt, order.seed, size, count), order.output_audio)


def _from_images(order: Order, settings: Settings, own_file: OwnFile) -> Film:
    size = size_of(order, settings)
    pictures = [
        # Each missing picture gets another placeholder, so that a cross-fade still shows.
        picture if picture is not None else next(landscape(order.prompt, order.seed + place, size, 1))
        for place, picture in enumerate(picture_from(url, own_file) for url in order.images)
    ]
    frames = slideshow(pictures, order.prompt, size, order.duration * order.fps)
    return Film(size, Fraction(order.fps), frames, order.output_audio)


def _upscaled(order: Order, settings: Settings, own_file: OwnFile) -> Film:
    clip = clip_from(order.video, own_file)
    if clip is None:
        return _from_text(order, settings, own_file)
    size = clip.width * 2, clip.height * 2
    # Every video of that length has the same tone, so it is generated and not copied.
    frames = (scaled(frame, size) for frame in clip.frames())
    return Film(size, clip.rate, frames, order.output_audio or clip.has_sound())


def _moved(order: Order, settings: Settings, own_file: OwnFile) -> Film:
    size = size_of(order, settings)
    clip, picture = clip_from(order.video, own_file), picture_from(order.images[0], own_file)
    subject = cover(picture, size) if picture is not None else next(landscape(order.prompt, order.seed, size, 1))
    if clip is None:
        motion = _from_text(order, settings, own_file)
    else:
        motion = Film(size, clip.rate, (cover(frame, size) for frame in clip.frames()), order.output_audio)
    return Film(size, motion.rate, (mix(subject, frame, 0.45) for frame in motion.frames), motion.sound)


def _spoken(order: Order, settings: Settings, own_file: OwnFile) -> Film:
    film = (_from_images if order.images else _from_text)(order, settings, own_file)
    return replace(film, sound=True)


def _extended(order: Order, settings: Settings, own_file: OwnFile) -> Film:
    clip = clip_from(order.video, own_file)
    if clip is None:
        return _from_text(order, settings, own_file)
    size = clip.width, clip.height
    more = landscape(order.prompt, order.seed, size, round(order.duration * clip.rate))
    return Film(size, clip.rate, chain(clip.frames(), more), order.output_audio)


def _encode(container: OutputContainer, film: Film) -> None:
    video = container.add_stream("libx264", rate=film.rate, options={"preset": "ultrafast", "crf": "26"})
    video.width, video.height = film.size
    video.pix_fmt = "yuv420p"
    # One core per video: several may be drawn at once, and the machine has other work.
    video.codec_context.thread_count = 1
    audio = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono") if film.sound else None
    count = 0
    for picture in film.frames:
        count += 1
        container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(video.encode(None))
    if audio is not None:
        for samples in chain(_tone(float(count / film.rate)), [None]):
            container.mux(audio.encode(samples))


def _tone(seconds: float) -> Iterator[av.AudioFrame]:
    total, block = round(seconds * _SAMPLE_RATE), 1024
    for start in range(0, total, block):
        instants = np.arange(start, min(start + block, total)) / _SAMPLE_RATE
        # A chord that swells and falls, silent at both ends.
        swell = np.sin(math.pi * instants / seconds)
        wave = _LOUDNESS * swell * (np.sin(math.tau * 220 * instants) + np.sin(math.tau * 330 * instants))
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
        yield frame


_OPERATIONS: dict[str, Callable[[Order, Settings, OwnFile], Film]] = {
    "text-to-video": _from_text,
    "image-to-video": _from_images,
    "reference-to-video": _from_images,
    "start-end-to-video": _from_images,
    "video-to-video": _upscaled,
    "motion-control": _moved,
    "audio-to-video": _spoken,
    "video-extension": _extended,
}
