"""
Cost estimates of a video, from the service's prices: pure.

Sources: https://docs.lemondata.cc (get-pricing, get-model-pricing).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from lemondata_provider.api.models import UNITS, ModelPrice
from lemondata_provider.api.request import VideoRequest

Seconds: TypeAlias = int | str  # length of a video, or the reason why it is unknown

FROM_SOURCE = "the video is as long as its source"
NO_DURATION = "no duration is given"
NO_PRICE = "LemonData publishes no price for this model"


@dataclass(frozen=True)
class Estimate:
    """
    Estimated cost of one video.

    :param usd: ``None`` if unknown.
    :param reason: how the amount comes about, or why it is unknown.
    :param per_second: price of a second, if the model is priced per second.
    :param is_maximum: whether the amount is the upper end of a range.
    """

    usd: Decimal | None
    reason: str
    per_second: Decimal | None = None
    is_maximum: bool = False


def seconds_of(request: VideoRequest) -> Seconds:
    """Return the length of a request's video; one made from a video or audio is as long as its source."""
    if request.video_url or request.audio_url:
        return FROM_SOURCE
    return NO_DURATION if request.duration is None else request.duration


def estimate(prices: Iterable[ModelPrice], seconds: Seconds) -> Estimate:
    """
    Estimate the cost of a video: the highest of its model's prices, unknown if one of them is unknown.

    :param prices: all prices of the model; providers can differ.
    :param seconds: length of the video, or the reason why it is unknown.
    """
    estimates = [_estimate(price, seconds) for price in prices]
    unknown = next((one for one in estimates if one.usd is None), None)
    nothing = Estimate(None, NO_PRICE)
    return unknown or max(estimates, key=lambda one: one.usd or Decimal(0), default=nothing)


def _estimate(price: ModelPrice, seconds: Seconds) -> Estimate:
    if price.currency.upper() != "USD":
        return Estimate(None, f"its price is in {price.currency[:10]}")
    amount = price.amount
    if amount is None:
        return Estimate(None, _why_unknown(price))
    is_maximum = price.max_price is not None
    up_to = "up to " if is_maximum else ""
    if price.unit == "per_request":
        return Estimate(amount, f"{up_to}{plain(amount)} a request", is_maximum=is_maximum)
    a_second = f"{up_to}{plain(amount)} a second"
    if isinstance(seconds, str) or seconds < 1:
        reason = seconds if isinstance(seconds, str) else "the model chooses the length"
        return Estimate(None, f"{a_second}, and {reason}", amount)
    return Estimate(amount * seconds, f"{seconds} s at {a_second}", amount, is_maximum)


def _why_unknown(price: ModelPrice) -> str:
    if price.has_complex_pricing:
        return "LemonData says that its price depends on more than request and length"
    if price.pricing_unit and price.pricing_unit not in UNITS:
        return f"its price is per {price.pricing_unit[:20].removeprefix('per_').replace('_', ' ')}"
    return NO_PRICE


def plain(amount: Decimal) -> str:
    """Format an amount without an exponent."""
    return f"{amount:f}"
