"""
Cost estimates of a video, from the service's prices: pure.

Sources: https://docs.lemondata.cc (get-pricing, get-model-pricing).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from lemondata_provider.api.models import ModelPrice
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
    """

    usd: Decimal | None
    reason: str
    per_second: Decimal | None = None


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
    if price.has_complex_pricing:
        return Estimate(None, "LemonData says that its price depends on more than request and length")
    if price.unit == "per_request" and price.per_request is not None:
        return Estimate(price.per_request, f"{plain(price.per_request)} a request")
    if price.unit == "per_second" and price.per_second is not None:
        a_second = f"{plain(price.per_second)} a second"
        if isinstance(seconds, str):
            return Estimate(None, f"{a_second}, and {seconds}", price.per_second)
        return Estimate(price.per_second * seconds, f"{seconds} s at {a_second}", price.per_second)
    return Estimate(None, NO_PRICE)


def plain(amount: Decimal) -> str:
    """Format an amount without an exponent."""
    return f"{amount:f}"
