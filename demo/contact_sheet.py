"""One picture that shows what a run made: frames of every clip, generated above upscaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

FRAMES = 5
CELL = 360
"""Width of an upscaled frame on the sheet; the generated one keeps its size relative to it."""
GAP, MARGIN, HEADING, LABEL = 14, 36, 54, 24
BACKGROUND, BRIGHT, DIM = (16, 18, 24), (236, 239, 244), (139, 147, 163)


@dataclass(frozen=True)
class Strip:
    """One video on the sheet, and what is written above its frames."""

    video: Path
    label: str


@dataclass(frozen=True)
class Section:
    """One clip: its prompt, the generated video and the upscaled one."""

    title: str
    generated: Strip
    upscaled: Strip


def video_size(video: Path) -> tuple[int, int]:
    """Tell the width and height of a video."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def frames(video: Path, count: int = FRAMES) -> list[Image.Image]:
    """Decode ``count`` frames, from the middles of equal parts of the video."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        seconds = (container.duration or 0) / av.time_base
        wanted = [seconds * (part + 0.5) / count for part in range(count)]
        picked: list[Image.Image] = []
        last = None
        for frame in container.decode(stream):
            last = frame
            while len(picked) < count and (frame.time or 0.0) >= wanted[len(picked)]:
                picked.append(_image(frame))
            if len(picked) == count:
                return picked
    if last is None:
        raise ValueError(f"{video} holds no frame")
    return picked + [_image(last)] * (count - len(picked))  # a container may promise more than it holds


def _image(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))


def draw(sections: Sequence[Section], path: Path) -> None:
    """Write the contact sheet as a PNG."""
    blocks = [_section(section) for section in sections]
    width = MARGIN * 2 + max(block.width for block in blocks)
    height = MARGIN + sum(block.height + MARGIN for block in blocks)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    top = MARGIN
    for block in blocks:
        sheet.paste(block, (MARGIN, top))
        top += block.height + MARGIN
    sheet.save(path, optimize=True)


def _section(section: Section) -> Image.Image:
    scale = CELL / video_size(section.upscaled.video)[0]
    strips = [_strip(strip, scale) for strip in (section.generated, section.upscaled)]
    width = CELL * FRAMES + GAP * (FRAMES - 1)
    block = Image.new("RGB", (width, HEADING + GAP + sum(strip.height for strip in strips)), BACKGROUND)
    _write(block, (0, 0), section.title, size=26, colour=BRIGHT)
    block.paste(strips[0], (0, HEADING))
    block.paste(strips[1], (0, HEADING + strips[0].height + GAP))
    return block


def _strip(strip: Strip, scale: float) -> Image.Image:
    pictures = frames(strip.video)
    size = (max(1, round(pictures[0].width * scale)), max(1, round(pictures[0].height * scale)))
    row = Image.new("RGB", (CELL * FRAMES + GAP * (FRAMES - 1), LABEL + GAP + size[1]), BACKGROUND)
    _write(row, (0, 0), strip.label, size=17, colour=DIM)
    for column, picture in enumerate(pictures):
        row.paste(picture.resize(size, Image.Resampling.LANCZOS), (column * (CELL + GAP), LABEL + GAP))
    return row


def _write(image: Image.Image, place: tuple[int, int], text: str, *, size: int, colour: tuple[int, int, int]) -> None:
    font = ImageFont.load_default(size)
    while text and ImageDraw.Draw(image).textlength(text, font) > image.width:
        text = text[:-2].rstrip(" …") + "…"
    ImageDraw.Draw(image).text(place, text, fill=colour, font=font)
