"""
The single facts that can be asked of a video, and those that a request asks for.

Models keep to a size as they can: 720p in 21:9 may be 1504x640, with the pixels of 1280x720, and 480p in 16:9 may be
832x480. The tolerances let these pass, and still tell each resolution and each aspect ratio from the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from lemondata_provider.api.container import Container
from lemondata_provider.results.outputs import Output

SECONDS_TOLERANCE = 0.5
RATIO_TOLERANCE = 0.03
SIDE_TOLERANCE = 0.05
PIXELS_TOLERANCE = 0.1
CONTAINERS: tuple[str, ...] = get_args(Container)
LINES = {"4k": 2160}  # words of resolutions beside "720p": pixels of the shorter side
Size = tuple[int, int]


@dataclass(frozen=True)
class Requirement:
    """
    One fact that a video must have.

    :param fact: its name.
    :param measure: returns the fact of a video; ``None`` is unknown.
    :param holds: says whether it is as expected.
    :param expected: what is expected, in words.
    :param unit: of numbers.
    :param separator: between the two numbers of a size.
    """

    fact: str
    measure: Callable[[Output], Any]
    holds: Callable[[Any], bool]
    expected: str
    unit: str = ""
    separator: str = "x"

    def sentence(self, value: Any) -> str:
        """Say what differs."""
        shown = self.separator.join(map(str, value)) if isinstance(value, tuple) else value
        verb = "were" if self.unit else "was"
        return f"{self.fact} is {shown}{self.unit}, and {self.expected}{self.unit} {verb} expected"


def duration(value: object) -> Requirement:
    """Read ``duration``: a number of seconds, or a pair of them."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        (low, high), tolerance = value, 0.0
    else:
        low, high, tolerance = value, value, SECONDS_TOLERANCE
    if not (_is_number(low) and _is_number(high) and 0 <= low <= high):
        raise ValueError("must be a number of seconds, or (min, max) in seconds")
    return _seconds(max(0.0, low - tolerance), high + tolerance)


def pixels(side: str, at_least: bool, value: object) -> Requirement:
    """Read ``width``, ``height`` or the least of one of them."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number of pixels above 0")
    least, most = value, float("inf") if at_least else value
    expected = f"at least {value}" if at_least else str(value)
    return Requirement(side, lambda output: getattr(output, side), lambda it: least <= it <= most, expected, " pixels")


def audio(value: object) -> Requirement:
    """Read ``audio``: whether the video has sound."""
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return Requirement("audio", lambda output: output.audio, lambda it: it is value, str(value))


def container(value: object) -> Requirement:
    """Read ``container``: the file format."""
    if value not in CONTAINERS:
        raise ValueError(f"must be one of {', '.join(CONTAINERS)}")
    return Requirement("container", lambda output: output.container, lambda it: bool(it == value), str(value))


def aspect_ratio(value: object) -> Requirement:
    """Read ``aspect_ratio``: width to height, such as ``16:9``."""
    match = re.fullmatch(r"\s*([1-9]\d{0,4}):([1-9]\d{0,4})\s*", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a text such as '16:9'")
    ratio = int(match[1]) / int(match[2])

    def holds(size: Size) -> bool:
        return abs(size[0] / size[1] / ratio - 1) <= RATIO_TOLERANCE

    return Requirement("aspect_ratio", _size, holds, match[0].strip(), separator=":")


# Each raises ValueError with "must be ...".
PARSERS: dict[str, Callable[[object], Requirement]] = {
    "duration": duration,
    "min_width": partial(pixels, "width", True),
    "min_height": partial(pixels, "height", True),
    "width": partial(pixels, "width", False),
    "height": partial(pixels, "height", False),
    "audio": audio,
    "container": container,
    "aspect_ratio": aspect_ratio,
}


def requested(fields: Mapping[str, Any]) -> Iterator[Requirement]:
    """
    Yield what a request asks of its video; a value that leaves the choice to the model asks nothing.

    :param fields: of the request, as :meth:`~lemondata_provider.api.request.VideoRequest.fields` returns them.
    """
    seconds: Any = fields.get("duration", -1)
    if _is_number(seconds) and seconds > 0:
        # The length of an extension may be that of the new part, or of the whole.
        extends = fields.get("operation") == "video-extension"
        yield _seconds(seconds - SECONDS_TOLERANCE, float("inf") if extends else seconds + SECONDS_TOLERANCE)
    word = str(fields.get("resolution")).strip().lower()
    lines = LINES.get(word) or (int(match[1]) if (match := re.fullmatch(r"(\d{3,4})p", word)) else None)
    if lines:
        yield Requirement("resolution", _size, partial(_has_lines, lines), word)
    if isinstance(fields.get("output_audio"), bool):
        yield audio(fields["output_audio"])
    if re.fullmatch(r"[1-9]\d?:[1-9]\d?", str(fields.get("aspect_ratio")).strip()):
        yield aspect_ratio(fields["aspect_ratio"])


def _seconds(low: float, high: float) -> Requirement:
    expected = f"at least {low:g}" if high == float("inf") else f"{low:g} to {high:g}"
    return Requirement("duration", lambda output: output.duration, lambda it: low <= it <= high, expected, " s")


def _size(output: Output) -> Size | None:
    return (output.width, output.height) if output.width and output.height else None


def _has_lines(lines: int, size: Size) -> bool:
    """Return whether a size is a resolution, by its shorter side or by its pixels."""
    width, height = size
    return min(size) >= lines * (1 - SIDE_TOLERANCE) or width * height >= lines * lines * 16 / 9 * (
        1 - PIXELS_TOLERANCE
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
