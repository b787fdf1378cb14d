"""
Parsers of single values.

``read_…`` parsers take what the service sent: a value that cannot be used is missing, which is ``None``. ``parse_…``
parsers take what a user gave: a value that cannot be used raises :class:`ValueError` with "must be …".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from lemondata_provider.api.storable import MAX_TEXT, cut_text

T = TypeVar("T")

MAX_PRICE = 10**9
MAX_PRICE_DIGITS = 30
MAX_REASONS = 10
REASON_FIELDS = ("message", "fail_reason", "failure_reason", "reason", "detail", "msg", "error", "error_message")
_DATETIME: TypeAdapter[datetime] = TypeAdapter(datetime)


def _float(value: object) -> float | None:
    """Return a finite number, also from a string of digits; a template makes strings of numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_first(read: Callable[[object], T | None], fields: Mapping[str, Any], *names: str) -> T | None:
    """Return the first value that can be used, of those that an answer has under these names."""
    return next((found for name in names if (found := read(fields.get(name))) is not None), None)


def read_text(value: object) -> str | None:
    """Return a text without surrounding white space; a very long one is cut."""
    return cut_text(value.strip()) or None if isinstance(value, str) else None


def read_link(value: object) -> str | None:
    """Return a URL or path; inline data is none, and one with white space or control characters cannot be sent."""
    link = value.strip() if isinstance(value, str) else ""
    unusable = len(link) > MAX_TEXT or re.search(r"[\x00-\x20\x7f\ud800-\udfff]", link) or link[:5].lower() == "data:"
    return None if unusable else link or None


def read_reason(value: object) -> str | None:
    """Return a reason from a text, from an object with a message, or from a list of both."""
    if isinstance(value, dict):
        return read_first(read_reason, value, *REASON_FIELDS)
    if isinstance(value, list):
        return "; ".join(filter(None, map(read_reason, value[:MAX_REASONS]))) or None
    return read_text(value)


def read_texts(value: object) -> list[str]:
    """Return the texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def read_flag(value: object) -> bool:
    """Return whether a value says yes, also as ``1`` or in a string."""
    return value.strip().casefold() in ("true", "yes", "1") if isinstance(value, str) else value == 1


def read_number(value: object) -> float | None:
    """Return a finite number, also from a string, with a percent sign or without."""
    return _float(value.strip().removesuffix("%") if isinstance(value, str) else value)


def read_whole(value: object) -> int | None:
    """Return a whole number."""
    number = read_number(value)
    return int(number) if number is not None and number.is_integer() else None


def read_price(value: object) -> Decimal | None:
    """Return an amount of money that is neither negative nor absurd."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        price = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < MAX_PRICE and price.adjusted() > -MAX_PRICE_DIGITS else None


def read_time(value: object) -> datetime | None:
    """Return a time from Unix seconds or an ISO string; a time without a zone is UTC."""
    if value is None or isinstance(value, bool):
        return None
    try:
        time = _DATETIME.validate_python(value)
    except ValidationError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def read_retry_after(value: object, now: float) -> float | None:
    """Return the seconds from ``now`` (Unix seconds) that a number or an HTTP date stands for, at least 0."""
    seconds = _float(value)
    if seconds is None and isinstance(value, str):
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now
    return None if seconds is None else max(0.0, seconds)


Text = Annotated[str | None, BeforeValidator(read_text)]
Number = Annotated[float | None, BeforeValidator(read_number)]
Time = Annotated[datetime | None, BeforeValidator(read_time)]
Price = Annotated[Decimal | None, BeforeValidator(read_price)]


def optional(parse: Callable[[object], T]) -> BeforeValidator:
    """Return the validator of a field that may be ``None``."""
    return BeforeValidator(lambda value: None if value is None else parse(value))


def parse_text(value: object) -> str:
    """Return a text that is not empty."""
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if not value.strip():
        raise ValueError("is empty")
    return value


def parse_flag(value: object) -> bool:
    """Return ``True`` or ``False``, also from a string."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word in ("true", "false"):
        return word == "true"
    if not isinstance(word, bool):
        raise ValueError("must be true or false")
    return word


def parse_number(value: object) -> float:
    """Return a finite number, also from a string."""
    if (number := _float(value)) is None:
        raise ValueError("must be a number")
    return number


def parse_whole(value: object) -> int:
    """Return a whole number, also from a string; a large one keeps all its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,1000}\s*", value):
        return int(value)
    number = parse_number(value)
    if not number.is_integer():
        raise ValueError("must be a whole number")
    return int(number)


def parse_positive(value: object) -> float:
    """Return a finite number above 0, also from a string."""
    number = _float(value)
    if number is None or number <= 0:
        raise ValueError("must be a number above 0")
    return number


def parse_count(value: object) -> int:
    """Return a whole number above 0, also from a string."""
    number = parse_positive(value)
    if not number.is_integer():
        raise ValueError("must be a whole number above 0")
    return int(number)
