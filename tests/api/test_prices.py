from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.models import Model, ModelPrice
from lemondata_provider.api.prices import FROM_SOURCE, NO_DURATION, Estimate, estimate, plain, seconds_of
from lemondata_provider.api.request import VideoRequest

UPSCALE = {"model": "topaz-video-upscale", "operation": "video-to-video", "video_url": "https://x.test/v.mp4"}


def price(**facts: Any) -> ModelPrice:
    found = ModelPrice.read({"model": "m", **facts})
    assert found is not None
    return found


def usd(*prices: ModelPrice, seconds: int | str = 8) -> str | None:
    found = estimate(prices, seconds)
    return None if found.usd is None else plain(found.usd)


@pytest.mark.parametrize(
    ("facts", "unit"),
    [
        ({"per_request": "0.35"}, "per_request"),
        ({"lock_price_per_request": "0.35", "is_lock_price": True}, "per_request"),
        ({"pricing": {"per_second": "0.10", "per_request": None}}, "per_second"),
        ({"lock_price_per_request": None, "pricing_summary": {"per_second": "0.10"}}, "per_second"),
        ({"pricing_unit": "per_second", "per_request": "0", "per_second": "0.1"}, "per_second"),
        ({"per_request": "0.35", "per_second": "0.10"}, None),
        ({"pricing_unit": "per_minute", "per_second": "0.10"}, None),
        ({"pricing_unit": "per_second", "per_request": "0.35"}, None),
        ({"pricing_summary": "0.10 a second"}, None),
        ({"per_second": "-1"}, None),
        ({"is_lock_price": False, "lock_price_per_request": "0"}, None),
        ({"is_lock_price": False, "lock_price_per_request": "0.35"}, None),
        ({"pricing": {"is_lock_price": False, "per_request": "0"}}, None),
        ({"pricing": {"is_lock_price": False, "per_request": "0.00", "per_second": "0.10"}}, "per_second"),
        ({"is_lock_price": False, "per_request": "0.00", "pricing_summary": {"per_second": "0.10"}}, "per_second"),
        ({"is_lock_price": False, "per_request": 0, "pricing_summary": {"per_request": "0.35"}}, "per_request"),
        ({"is_lock_price": False, "per_request": "0.35"}, "per_request"),
        ({"is_lock_price": True, "lock_price_per_request": "0"}, "per_request"),
        ({"per_second": "1e-400000"}, None),
        ({}, None),
    ],
)
def test_unit_one_price_or_pricing_unit_decides(facts, unit):
    assert price(**facts).unit == unit


def test_estimate_per_request_and_per_second_is_exact():
    assert usd(price(per_request="0.35")) == "0.35"
    assert usd(price(per_second="0.112"), seconds=10) == "1.120"
    assert usd(price(per_request="0")) == "0"
    assert usd(price(per_request="1e-7")) == "0.0000001"
    assert estimate([price(per_second="0.10")], 8).reason == "8 s at 0.10 a second"


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ([], "publishes no price"),
        ([price()], "publishes no price"),
        ([price(per_request="1", currency="EUR")], "is in EUR"),
        *[
            ([price(per_request="1", has_complex_pricing=value)], "depends on more")
            for value in (True, "true", " Yes", "1", 1, 1.0)
        ],
        ([price(per_request="1"), price()], "publishes no price"),
    ],
)
def test_estimate_without_simple_usd_price_is_unknown(prices, why):
    found = estimate(prices, 8)
    assert found.usd is None
    assert why in found.reason


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"prompt": "a", "duration": 8}, 8),
        ({"prompt": "a"}, NO_DURATION),
        (UPSCALE, FROM_SOURCE),
        ({**UPSCALE, "duration": 8}, FROM_SOURCE),
        ({"prompt": "a", "audio_url": "https://x.test/a.mp3", "duration": 8}, FROM_SOURCE),
    ],
)
def test_seconds_of_request_is_its_duration_or_that_of_the_source(fields, seconds):
    assert seconds_of(VideoRequest.checked(**{"model": "sora-2", **fields})) == seconds


@pytest.mark.parametrize("why", [FROM_SOURCE, NO_DURATION])
def test_estimate_without_length_knows_a_price_per_request_only(why):
    assert usd(price(per_second="0.05"), seconds=why) is None
    assert estimate([price(per_second="0.05")], why).reason == f"0.05 a second, and {why}"
    assert usd(price(per_request="0.10"), seconds=why) == "0.10"


@pytest.mark.parametrize("value", [False, None, "false", "no", 0, "", [], {}])
def test_has_complex_pricing_false_or_malformed_is_a_simple_price(value):
    assert usd(price(per_request="1", has_complex_pricing=value)) == "1"


def test_estimate_several_providers_uses_the_highest_price():
    assert usd(price(per_second="0.10", provider="a"), price(per_request="0.90", provider="b")) == "0.90"


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list", "data": [{"model": "org/m", "pricing": {"per_second": "0.10"}}]},
        {"object": "pricing", "currency": "USD", "data": {"pricing_summary": {"per_second": "0.10"}}},
        {"object": "model.pricing", "model": "org/m", "currency": "USD", "pricing": {"per_second": "0.10"}},
    ],
    ids=["a list", "an object in data", "an object"],
)
def test_get_model_pricing_answer_in_any_form_is_read(answer):
    call = calls.get_model_pricing("org/m")
    assert call.url == "/v1/models/org%2Fm/pricing"
    assert [(found.model, found.per_second) for found in call.read(answer)] == [("org/m", Decimal("0.10"))]


@pytest.mark.parametrize(
    "fields",
    [
        {"supported_operations": ["video-to-video"]},
        {"public_contract": {"public_operations": ["video-to-video"]}},
        {"public_contract_summary": {"public_operations": ["video-to-video"]}},
    ],
)
def test_supported_operations_under_any_name_are_read(fields):
    model = Model.read({"id": "m", "lemondata": {"supported_operations": None, **fields}})
    assert model is not None
    assert model.supported_operations == ("video-to-video",)


def test_estimate_range_of_prices_is_its_upper_end() -> None:
    summary = {"unit": "second", "min_price": "0.04", "max_price": "0.15"}
    price = ModelPrice.read({"model": "veo3.1-fast", "has_complex_pricing": True, "pricing_summary": summary})
    assert price is not None
    found = estimate([price], 4)
    assert (found.usd, found.is_maximum) == (Decimal("0.60"), True)
    assert found.reason == "4 s at up to 0.15 a second"


def test_estimate_price_per_token_is_unknown_with_the_reason() -> None:
    price = ModelPrice.read({"model": "seedance-2.0", "pricing_unit": "per_1m_tokens", "max_price": "6.38"})
    assert price is not None
    assert estimate([price], 4) == Estimate(None, "its price is per 1m tokens")
