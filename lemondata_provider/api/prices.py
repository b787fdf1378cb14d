"""
What a video would cost, from the prices that the service tells: pure.

Sources: https://docs.lemondata.cc (get-pricing, get-model-pricing).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from lemondata_provider.api.models import ModelPrice
from lemondata_provider.api.request import VideoRequest

Seconds: TypeAlias = int | str  # the length of a video, or why it is not known

FROM_SOURCE = "the video is as long as its source"
NO_DURATION = "no duration is given"


@dataclass(frozen=True)
class Estimate:
    """
    What one video would cost.

    :param usd: none where it is unknown.
    :param reason: how it comes about, or why it is unknown.
    :param per_second: the price of a second, where that is what is paid for.
    """

    usd: Decimal | None
    reason: str
    per_second: Decimal | None = None


def seconds_of(request: VideoRequest) -> Seconds:
    """Return how long the video of a request will be; one that is made from a video or audio is as long as that."""
    if request.video_url or request.audio_url:
        return FROM_SOURCE
    return NO_DURATION if request.duration is None else request.duration


def estimate(prices: Iterable[ModelPrice], seconds: Seconds) -> Estimate:
    """
    Say what a video costs at these prices of its model: the highest of them, and unknown if one of them is.

    :param prices: all that the service tells about the model; providers may differ.
    :param seconds: the length of the video, or why it is unknown.
    """
    all_of_them = [_estimate(price, seconds) for price in prices]
    unknown = next((one for one in all_of_them if one.usd is None), None)
    nothing = Estimate(None, "LemonData publishes no price for this model")
    return unknown or max(all_of_them, key=lambda one: one.usd or Decimal(0), default=nothing)


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
    return Estimate(None, "LemonData publishes no price for this model")


def plain(amount: Decimal) -> str:
    """Write an amount without an exponent."""
    return f"{amount:f}"
