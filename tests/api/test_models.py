"""Models and prices as the service lists them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lemondata_provider.api.models import Model, ModelPrice
from tests.api.payloads import WHEN


def test_model_read_complete_payload_has_its_contract() -> None:
    payload = {
        "id": "sora-2",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "openai",
        "lemondata": {
            "category": "video",
            "pricing_unit": "per_second",
            "supported_operations": ["text-to-video", 5, None, "image-to-video"],
            "public_contract": {"durations": [4, 8]},
            "brand_new": 1,
        },
    }
    model = Model.read(payload)
    assert model is not None
    assert (model.id, model.owned_by, model.created) == ("sora-2", "openai", WHEN)
    assert (model.category, model.pricing_unit) == ("video", "per_second")
    assert model.supported_operations == ("text-to-video", "image-to-video")
    assert model.public_contract == {"durations": [4, 8]}
    assert model.raw == payload


@pytest.mark.parametrize("broken", [None, "text-to-video", {}, [], [5]])
def test_supported_operations_malformed_are_read_from_the_contract(broken: object) -> None:
    own = {"supported_operations": broken, "public_contract": {"supported_operations": ["text-to-video"]}}
    model = Model.read({"id": "sora-2", "lemondata": own})
    assert model is not None
    assert model.supported_operations == ("text-to-video",)


@pytest.mark.parametrize("id_", [None, "", "  ", 5, []])
def test_model_read_without_id_is_none(id_: object) -> None:
    assert Model.read({"id": id_, "lemondata": {"id": "inner"}}) is None


OLD = {
    "model": "sora-2",
    "provider": "p",
    "pricing": {"per_request": "0.40", "is_lock_price": True, "currency": "EUR", "per_second": None},
}
NEW = {"model": "sora-2", "provider": "p", "is_lock_price": True, "lock_price_per_request": "0.40"}


@pytest.mark.parametrize(("payload", "currency"), [(OLD, "EUR"), (NEW, "CHF")])
def test_model_price_read_old_or_new_form_is_exact(payload: dict[str, Any], currency: str) -> None:
    price = ModelPrice.read(payload, "CHF")
    assert price is not None
    assert (price.model, price.provider, price.currency) == ("sora-2", "p", currency)
    assert (str(price.per_request), price.per_second, price.raw) == ("0.40", None, payload)


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("0.1", Decimal("0.1")),
        (" 0.10 ", Decimal("0.10")),
        (0.1, Decimal("0.1")),
        (1, Decimal(1)),
        ("free", None),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        (float("nan"), None),
        (True, None),
        ([], None),
        ({}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["per_request", "per_second"])
def test_model_price_any_value_is_a_decimal_or_none(name: str, value: object, price: Decimal | None) -> None:
    read = ModelPrice.read({"model": "m", name: value})
    assert read is not None
    assert getattr(read, name) == price


@pytest.mark.parametrize("name", ["per_request", "per_second"])
def test_model_price_none_under_one_name_is_read_under_the_other(name: str) -> None:
    read = ModelPrice.read({"model": "m", name: None, f"lock_price_{name}": "0.5"})
    assert read is not None
    assert getattr(read, name) == Decimal("0.5")


@pytest.mark.parametrize("model", [None, "", 5, {}])
def test_model_price_read_without_model_is_none(model: object) -> None:
    assert ModelPrice.read({"model": model, "per_request": "1"}) is None


@pytest.mark.parametrize("currency", [5, [], {}, "", None, True])
def test_model_price_currency_wrong_type_is_usd(currency: Any) -> None:
    price = ModelPrice.read({"model": "m", "currency": currency}, currency)
    assert price is not None
    assert price.currency == "USD"
