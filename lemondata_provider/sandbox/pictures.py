"""Frames of video: drawn from a prompt, or moved and mixed from given pictures."""

from __future__ import annotations

import colorsys
import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from av import VideoFrame

from lemondata_provider.sandbox.sizes import Size

Picture = npt.NDArray[np.uint8]  # height x width x RGB

_TAU = 2 * math.pi


def landscape(prompt: str, seed: int, size: Size, count: int) -> Iterator[Picture]:
    """A sun over rolling hills: shapes and colours follow from prompt and seed, the same every time."""
    chance = _chance(prompt, seed)
    width, height = size
    hue, spread = chance.random(), chance.uniform(0.08, 0.45)
    top, bottom = _colour(hue, 0.7, 0.35), _colour(hue + spread, 0.45, 0.95)
    sun, sun_colour = chance.uniform(0.15, 0.85), _colour(hue + spread + chance.uniform(-0.1, 0.1), 0.25, 1.0)
    radius = height * chance.uniform(0.1, 0.22)
    waves = chance.uniform((0.6, 1.7, 0.0, 0.0), (1.6, 3.8, _TAU, _TAU), (3, 4)).tolist()
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    column = np.arange(width, dtype=np.float32) / width * _TAU
    sky = top + (bottom - top) * (y / height)[..., None]
    for index in range(count):
        now = index / max(1, count - 1)
        picture = sky.copy()
        distance = np.hypot(
            x - width * (sun + 0.15 * (now - 0.5)), y - height * (0.55 - 0.35 * math.sin(math.pi * now))
        )
        glow = np.clip(1.5 - distance / radius, 0, 1)[..., None]
        picture += (sun_colour - picture) * glow
        for layer, (slow, quick, first, second) in enumerate(waves):
            shift = now * _TAU * 0.18 * (layer + 1)
            ridge = 0.6 * np.sin(slow * column + first + shift) + 0.4 * np.sin(quick * column + second + shift)
            hill = y > height * (0.58 + 0.14 * layer + 0.09 * ridge)
            picture[hill] = _colour(hue + spread * (layer + 1) / 2, 0.6, 0.62 - 0.18 * layer)
        yield picture.astype(np.uint8)


def slideshow(pictures: Sequence[Picture], prompt: str, size: Size, count: int) -> Iterator[Picture]:
    """Given pictures under a moving camera, each fading into the next; the first and last frames are whole."""
    aim = _chance(prompt, 0).uniform(-1, 1, 2)
    fitted = [cover(picture, size) for picture in pictures]
    for index in range(count):
        now = index / max(1, count - 1)
        place = now * (len(fitted) - 1)
        before = min(int(place), len(fitted) - 1)
        after = min(before + 1, len(fitted) - 1)
        mixed = mix(fitted[before], fitted[after], place - before)
        yield _closer(mixed, 1 + 0.25 * math.sin(math.pi * now), aim)


def mix(one: Picture, other: Picture, share: float) -> Picture:
    """Two pictures of one size laid over each other; share 0 is the one, 1 the other."""
    return np.rint(one + (other.astype(np.float32) - one) * share).astype(np.uint8)


def scaled(picture: Picture, size: Size) -> Picture:
    """The picture in another size."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return np.asarray(frame.reformat(width=size[0], height=size[1]).to_ndarray(), dtype=np.uint8)


def cover(picture: Picture, size: Size) -> Picture:
    """The picture made to fill a size, cut where it is too long."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    large = scaled(picture, (max(size[0], round(width * scale)), max(size[1], round(height * scale))))
    left, top = (large.shape[1] - size[0]) // 2, (large.shape[0] - size[1]) // 2
    return large[top : top + size[1], left : left + size[0]]


def _closer(picture: Picture, zoom: float, aim: npt.NDArray[np.float64]) -> Picture:
    height, width = picture.shape[:2]
    inner_width, inner_height = round(width / zoom), round(height / zoom)
    left = round((width - inner_width) * (1 + aim[0]) / 2)
    top = round((height - inner_height) * (1 + aim[1]) / 2)
    return scaled(picture[top : top + inner_height, left : left + inner_width], (width, height))


def _chance(prompt: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _colour(hue: float, saturation: float, value: float) -> npt.NDArray[np.float32]:
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32) * 255
