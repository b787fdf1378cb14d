"""Server text of any kind is read in linear time: it is read in the event loop of a triggerer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from lemondata_provider.api.description import describe_answer
from lemondata_provider.api.error_response import error_from
from lemondata_provider.api.errors import APIError
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.sent_media import SentMedia
from lemondata_provider.api.storable import storable

MEDIA = SentMedia({"image": "data:image/png;base64," + "QUJD" * 5_000})
READERS: dict[str, Callable[[str], Any]] = {
    "redact": redact,
    "describe_answer": describe_answer,
    "storable": storable,
    "error": lambda text: APIError(text, hints={"hint": text, text: [text]}),
    "error_from": lambda text: error_from(502, {}, text, now=0.0),
    "error_from JSON": lambda text: error_from(400, {}, {"error": {"message": [text] * 3, "detail": text}}, now=0.0),
    "sent media": MEDIA.hide,
}
UNITS = [
    "data:",
    "data:,",
    "data:,<",
    "data:;base64,A\n",
    "<",
    "<<>",
    " ",
    "\n",
    "sk-",
    "sk-a ",
    "%",
    "\\",
    "A",
    "QUJD",
    "&lt;",
]


def seconds(read: Callable[[str], Any], text: str) -> float:
    begun = time.thread_time()  # not of the other tests beside
    read(text)
    return time.thread_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("unit", UNITS)
def test_reading_ten_times_the_text_takes_at_most_fifteen_times_as_long(read: Callable[[str], Any], unit: str) -> None:
    short, long = (unit * (size // len(unit)) for size in (10_000, 100_000))
    overhead = 0.000_2  # timers and the scheduler are not linear in anything
    # In turns: a machine that is busy with something else for a while is slow for both of a pair.
    assert min(seconds(read, long) / (seconds(read, short) + overhead) for _ in range(5)) <= 15
