"""The size of a video in pixels; polls report it, so it needs neither PyAV nor numpy."""

from __future__ import annotations

from lemondata_provider.sandbox.orders import Order
from lemondata_provider.sandbox.settings import Settings

Size = tuple[int, int]  # width, height

_SHORT_SIDES = {"360p": 360, "480p": 480, "540p": 540, "720p": 720, "768p": 768, "1080p": 1080, "4k": 2160}


def size_of(order: Order, settings: Settings) -> Size:
    """Width and height of the video of an order; even, as the encoder wants them."""
    across, down = (int(part) for part in order.aspect_ratio.split(":"))
    unit = _SHORT_SIDES[order.resolution] / min(across, down) / settings.scale_down
    width, height = (max(16, 2 * round(side * unit / 2)) for side in (across, down))
    return width, height
