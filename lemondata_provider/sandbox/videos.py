"""Render the video of an order, or copy the ready-made clip if PyAV or numpy is missing.

The sandbox renders a video when its file is requested for the first time. Only then are PyAV and numpy imported.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lemondata_provider.sandbox.orders import Order
from lemondata_provider.sandbox.settings import Settings

if TYPE_CHECKING:
    from lemondata_provider.sandbox.media import OwnFile

READY_MADE_CLIP = Path(__file__).with_name("clip.mp4")
_CODECS = {"av", "numpy"}


def draw(order: Order, settings: Settings, path: Path, own_file: OwnFile) -> None:
    """Write the video of an order to a path; `own_file` resolves the URLs of the sandbox's own videos."""
    try:
        from lemondata_provider.sandbox import render  # noqa: PLC0415 # PyAV and numpy may be missing
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] not in _CODECS:
            raise
        shutil.copyfile(READY_MADE_CLIP, path)
        return
    render.draw(order, settings, path, own_file)


def draw_last_frame(video: Path, path: Path) -> None:
    """Write the last frame of a video to a path, as PNG."""
    from lemondata_provider.sandbox.media import write_last_frame  # noqa: PLC0415 # PyAV and numpy may be missing

    write_last_frame(video, path)
