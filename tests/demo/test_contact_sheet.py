"""The contact sheet shows the frames of real, tiny videos."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from demo.contact_sheet import CELL, FRAMES, GAP, MARGIN, Section, Strip, draw, frames, video_size


@pytest.fixture
def section(tmp_path: Path) -> Section:
    """A red video, and one of twice its size that turns from black to blue."""
    small, large = tmp_path / "small.mp4", tmp_path / "large.mp4"
    write(small, 64, 32, [(255, 0, 0)] * 10)
    write(large, 128, 64, [(0, 0, 28 * step) for step in range(10)])
    return Section("A prompt " * 25, Strip(small, "small"), Strip(large, "large"))


def write(path: Path, width: int, height: int, colours: list[tuple[int, int, int]]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for colour in colours:
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), colour, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_frames_long_video_are_spread_over_it(section: Section) -> None:
    blues = [np.asarray(picture)[..., 2].mean() for picture in frames(section.upscaled.video)]
    assert len(blues) == FRAMES
    assert blues == sorted(blues)
    assert blues[0] < 60
    assert blues[-1] > 190


def test_frames_video_of_one_frame_repeats_it(tmp_path: Path) -> None:
    write(tmp_path / "one.mp4", 64, 32, [(0, 255, 0)])
    assert len(frames(tmp_path / "one.mp4")) == FRAMES


def test_draw_generated_frames_keep_their_size_relative_to_upscaled_ones(section: Section, tmp_path: Path) -> None:
    assert (video_size(section.generated.video), video_size(section.upscaled.video)) == ((64, 32), (128, 64))

    draw([section, section], tmp_path / "sheet.png")

    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape[1] == 2 * MARGIN + FRAMES * CELL + (FRAMES - 1) * GAP
    # Ten frames of half the width and half the height: a row of pixels holds five of them.
    red = (sheet[..., 0] > 200) & (sheet[..., 1:].max(axis=-1) < 60)
    assert {*red.sum(axis=1)} - {0} == {FRAMES * CELL // 2}
    assert red.any(axis=1).sum() == 2 * CELL // 4
