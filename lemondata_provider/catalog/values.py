"""
The values that the API's fields take, whatever the model.

Where two editions of the documentation give two ranges, the wider one counts. Source:
https://docs.lemondata.cc (create-video, error-handling).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lemondata_provider.catalog.operations import IMAGES, OPERATIONS
from lemondata_provider.close_matches import closest

RANGES: dict[str, tuple[int, int, str]] = {
    "duration": (-1, 60, " seconds"),
    "fps": (1, 120, ""),
    "cfg_scale": (0, 30, ""),
    "motion_strength": (0, 100, ""),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "operation": OPERATIONS,
    "aspect_ratio": ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive"),
    "resolution": ("360p", "480p", "540p", "720p", "768p", "1080p", "4k"),
    "reference_image_type": ("asset", "style"),
}
MAX_ITEMS = {"reference_images": 9, "image_urls": 9, "video_urls": 3, "audio_urls": 3, "kling_elements": 3}
# Values that only some editions of the documentation allow.
ALWAYS_ALLOWED: dict[str, tuple[str, ...]] = {
    "aspect_ratio": ("16:9", "9:16", "1:1", "4:3", "3:4"),
    "resolution": ("720p", "1080p", "4k"),
}
ALWAYS_ALLOWED_REFERENCE_IMAGES = 3
MEGABYTE = 1024 * 1024  # the wider reading
MAX_MEGABYTES = {**dict.fromkeys(IMAGES, 20), "audio_url": 25}


def wrong_values(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per value that the API refuses."""
    for name, value in fields.items():
        if name in RANGES:
            yield from _outside(name, value)
        elif name in MAX_MEGABYTES:
            yield from _too_large(name, value if isinstance(value, (list, tuple)) else [value])
        if name in MAX_ITEMS and isinstance(value, (list, tuple)) and len(value) > MAX_ITEMS[name]:
            yield f"{name} takes at most {MAX_ITEMS[name]} items, and {len(value)} were given."


def wrong_words(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per word that is not documented."""
    for name in filter(fields.__contains__, CHOICES):
        yield from _not_among(name, fields[name])


def edition_warnings(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence per value that only some editions of the documentation allow."""
    for name in filter(fields.__contains__, ALWAYS_ALLOWED):
        value = fields[name]
        if isinstance(value, str) and value.strip().lower() in set(CHOICES[name]) - set(ALWAYS_ALLOWED[name]):
            yield f"{name} {value!r} is documented for some models only."
    images = fields.get("reference_images")
    if isinstance(images, (list, tuple)) and len(images) > ALWAYS_ALLOWED_REFERENCE_IMAGES:
        yield f"{len(images)} reference_images are documented for some models only; all of them take 3."
    if str(fields.get("duration")) in ("-1", "0"):
        yield f"duration {fields['duration']} lets the model choose the length, which only some models do."
    if str(fields.get("image", "")).lower().startswith(("http:", "https:")):
        yield "image is a URL, which only some models take: image_url is the field for URLs."


def _outside(name: str, value: Any) -> Iterator[str]:
    low, high, unit = RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return  # the request itself refuses what is no number
    if number < low or number > high:
        nearest = low if number < low else high
        yield f"{name} must be {low} to {high}{unit}, not {value!s:.40}: did you mean {nearest}?"


def _not_among(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or value.strip().lower() in CHOICES[name]:
        return
    nearest = closest(value, CHOICES[name], cutoff=0.4)
    hint = f": did you mean {nearest!r}?" if nearest else "."
    yield f"{name} must be one of {', '.join(CHOICES[name])}, not {value[:40]!r}{hint}"


def _too_large(name: str, urls: Any) -> Iterator[str]:
    most = MAX_MEGABYTES[name] * MEGABYTE
    for url in urls:
        if not isinstance(url, str) or len(url) <= most or not is_inline(url):
            continue  # decoding makes nothing longer
        if (size := _decoded_size(url, most)) > most:
            held = f"{name} holds {size / MEGABYTE:.1f} MB inline, and LemonData takes {MAX_MEGABYTES[name]} MB"
            yield f"{held}: make it smaller, or give a public https URL."


def is_inline(url: str) -> bool:
    """Say whether a URL is a ``data:`` URL."""
    return url[:64].lstrip()[:5].lower() == "data:"


def _decoded_size(url: str, most: int) -> int:
    """Return the bytes that a ``data:`` URL holds, without decoding; an upper bound where that is below the limit."""
    comma = url.find(",")
    length = len(url) - comma - 1
    if not url[:comma].rstrip().lower().endswith(";base64"):
        return length - 2 * url.count("%", comma)
    if length * 3 // 4 <= most:
        return length * 3 // 4
    return (length - sum(url.count(other, comma) for other in " \r\n\t=")) * 3 // 4
