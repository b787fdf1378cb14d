"""
Which values the API takes in its fields, whatever the model.

Where two editions of the documentation give two ranges, only what is outside the wider one is wrong. Source:
https://docs.lemondata.cc (create-video, error-handling).
"""

from __future__ import annotations

from lemondata_provider.catalog.operations import IMAGES, OPERATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

RANGES: dict[str, tuple[int, int, str]] = {
    "duration": (1, 60, " seconds"),
    "fps": (1, 120, ""),
    "cfg_scale": (0, 30, ""),
    "motion_strength": (0, 100, ""),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "operation": OPERATIONS,
    "aspect_ratio": ("16:9", "9:16", "1:1", "4:3", "3:4"),
    "resolution": ("720p", "1080p", "4k"),
    "reference_image_type": ("asset", "style"),
}
MAX_REFERENCE_IMAGES = 3
MEGABYTE = 1024 * 1024  # the wider reading
MAX_MEGABYTES = {**dict.fromkeys(IMAGES, 20), "audio_url": 25}


def wrong_values(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each value that the API does not take."""
    for name, value in fields.items():
        if name in RANGES:
            yield from _outside(name, value)
        elif name in MAX_MEGABYTES:
            yield from _too_large(name, value if isinstance(value, (list, tuple)) else [value])
    images = fields.get("reference_images")
    if isinstance(images, (list, tuple)) and len(images) > MAX_REFERENCE_IMAGES:
        yield f"reference_images takes at most {MAX_REFERENCE_IMAGES} images, and {len(images)} were given."


def wrong_words(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each word that is none of the documented ones."""
    for name in CHOICES.keys() & fields.keys():
        yield from _not_among(name, fields[name])


def _outside(name: str, value: Any) -> Iterator[str]:
    low, high, unit = RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return  # what is no number is refused elsewhere, whatever the catalog says
    if number < low or number > high:
        nearest = low if number < low else high
        yield f"{name} must be {low} to {high}{unit}, not {value!s:.40}: did you mean {nearest}?"


def _not_among(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) or value.strip().lower() in CHOICES[name]:
        return
    from difflib import get_close_matches  # noqa: PLC0415 # 8 ms in a new interpreter

    nearest = get_close_matches(value.strip().lower(), CHOICES[name], n=1, cutoff=0.4)
    hint = f": did you mean {nearest[0]!r}?" if nearest else "."
    yield f"{name} must be one of {', '.join(CHOICES[name])}, not {value[:40]!r}{hint}"


def _too_large(name: str, urls: Any) -> Iterator[str]:
    most = MAX_MEGABYTES[name] * MEGABYTE
    for url in urls:
        if not isinstance(url, str) or len(url) <= most or not is_inline(url):
            continue  # nothing becomes longer by decoding
        if (size := _decoded_size(url, most)) > most:
            held = f"{name} holds {size / MEGABYTE:.1f} MB inline, and LemonData takes {MAX_MEGABYTES[name]} MB"
            yield f"{held}: make it smaller, or give a public https URL."


def is_inline(url: str) -> bool:
    """Say whether a URL is a ``data:`` URL."""
    return url[:64].lstrip()[:5].lower() == "data:"


def _decoded_size(url: str, most: int) -> int:
    """Return how many bytes a ``data:`` URL holds, without decoding it; not exactly where it is surely not too much."""
    comma = url.find(",")
    length = len(url) - comma - 1
    if not url[:comma].rstrip().lower().endswith(";base64"):
        return length - 2 * url.count("%", comma)
    if length * 3 // 4 <= most:
        return length * 3 // 4
    return (length - sum(url.count(other, comma) for other in " \r\n\t=")) * 3 // 4
