from __future__ import annotations

from decimal import Decimal

import pytest

from lemondata_provider.catalog import load
from lemondata_provider.sandbox.models import find_model, inventory, list_models, price_list
from lemondata_provider.sandbox.orders import INPUTS
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings


def test_inventory_each_model_has_operations_and_a_price():
    assert inventory()
    for name, model in inventory().items():
        assert model.id == name
        assert model.supported_operations
        assert set(model.supported_operations) <= INPUTS.keys()
        assert model.pricing_unit in {"per_second", "per_request"}
        assert Decimal(model.price) > 0


def test_inventory_each_model_of_the_catalog_has_the_same_family_and_operations():
    for model in load().models:
        ours = inventory()[model.id]
        assert set(model.operations) <= set(ours.supported_operations), model.id
        assert model.family in {ours.owned_by, "Other"}, model.id


def test_cost_each_pricing_unit_multiplies_or_not():
    assert inventory()["sora-2"].cost(8) == Decimal("0.80")
    assert inventory()["hailuo-2.3-fast"].cost(10) == Decimal("0.19")


@pytest.mark.parametrize("status", [400, 404])
def test_find_model_unknown_id_is_refused_with_suggestions(status):
    with pytest.raises(Refusal) as refusal:
        find_model("sora2", Settings(model_not_found_status=status))
    assert (refusal.value.status, refusal.value.code) == (status, "model_not_found")
    assert refusal.value.error["did_you_mean"] == "sora-2"
    assert {"id": "sora-2-pro"} in refusal.value.error["suggestions"]


def test_find_model_no_close_match_has_no_suggestions():
    with pytest.raises(Refusal) as refusal:
        find_model("§§§", Settings())
    assert refusal.value.error["suggestions"] == []
    assert "did_you_mean" not in refusal.value.error


def test_list_models_filters_return_matching_models():
    def ids(**filters: str) -> list[str]:
        return [model["id"] for model in list_models(**filters)["data"]]

    assert ids() == ids(category="video", recommended_for="video") == [*inventory()]
    assert ids(category="chat") == []
    topaz = ids(provider="topaz")
    assert "topaz-video-upscale" in topaz
    assert {inventory()[name].owned_by for name in topaz} == {"Topaz"}


def test_price_list_each_form_follows_its_edition():
    models = [inventory()["sora-2"], inventory()["hailuo-2.3-fast"]]
    new = price_list(models, Settings(), 100.5)
    assert (new["object"], new["updated_at"], new["currency"]) == (
        "pricing",
        "1970-01-01T00:01:40.500000+00:00",
        "USD",
    )
    assert [offer["lock_price_per_request"] for offer in new["data"]] == [None, "0.19"]
    old = price_list(models, Settings(pricing_form="old"), 100.5)
    assert old["object"] == "list"
    assert old["data"][0]["pricing"] == {"is_lock_price": False, "currency": "USD", "per_second": "0.10"}
    assert old["data"][1]["pricing"]["per_request"] == "0.19"
