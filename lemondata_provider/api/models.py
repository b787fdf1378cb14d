"""
The service's models and their prices, as its answers describe them.

Sources: https://docs.lemondata.cc (list-models, get-model, get-pricing, get-model-pricing).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lemondata_provider.api.fields import Price, Text, Time, read_first, read_flag, read_price, read_text, read_texts
from lemondata_provider.api.task import Answer

# The names of one thing in all editions; of several, the last one counts.
EXTENSIONS = ("lemondata", "aisonar", "tokenlab")
CONTRACTS = ("public_contract", "request_format_details")
SUMMARIES = ("public_contract_summary", "request_format_summary")
UNITS = ("per_request", "per_second")


def _unit(value: object) -> str | None:
    """Return the unit of a price; ``second`` and ``per-second`` mean ``per_second``."""
    unit = (read_text(value) or "").lower().replace("-", "_")
    return next((name for name in UNITS if unit in (name, name.removeprefix("per_"))), unit or None)


class Model(Answer):
    """One model of the service: owner, pricing unit, operations and contract."""

    id: str
    owned_by: Text = None
    created: Time = None
    category: Text = None
    pricing_unit: Text = None
    supported_operations: tuple[str, ...] = ()
    public_contract: dict[str, Any] = Field(default={})
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Model | None:
        """Parse an entry of the model list, or a model's detail; ``None`` without an id."""
        facts = {**payload, **_dicts(payload, EXTENSIONS)}
        contract = _dicts(facts, CONTRACTS)
        operations = _operations(facts) or _operations(contract) or _operations(_dicts(facts, SUMMARIES))
        if not read_text(payload.get("id")):
            return None
        return cls.model_validate(
            {
                **facts,
                "id": payload["id"],
                "owned_by": facts.get("owned_by") or facts.get("provider"),
                "supported_operations": operations,
                "public_contract": contract,
                "raw": dict(payload),
            }
        )


class ModelPrice(Answer):
    """
    The price of a model in ``currency``, per request or per second of video; unknown if both are missing.

    ``pricing_unit`` names the one that counts, if the service says so. ``max_price`` is the upper end of a range. With
    ``has_complex_pricing`` and without an upper end, the price is unknown.
    """

    model: str
    provider: Text = None
    currency: str = "USD"
    pricing_unit: Annotated[str | None, BeforeValidator(_unit)] = None
    per_request: Price = None
    per_second: Price = None
    max_price: Price = None
    has_complex_pricing: Annotated[bool, BeforeValidator(read_flag)] = False
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any], currency: object = None) -> ModelPrice | None:
        """Parse a price in any of the documented forms; ``None`` without a model."""
        layers = [
            *(_inner(payload, name) for name in ("pricing_details", "pricing_summary", "scalar_pricing")),
            _not_none(payload),
            _inner(payload, "pricing"),
        ]
        facts = _merged(layers)
        if facts.get("is_lock_price") is False:
            facts = _merged(map(_unlocked, layers))
        if not (model := read_text(facts.get("model"))):
            return None
        return cls.model_validate(
            {
                **facts,
                "model": model,
                "currency": read_text(facts.get("currency")) or read_text(currency) or "USD",
                "pricing_unit": facts.get("pricing_unit") or facts.get("unit"),
                "per_request": read_first(read_price, facts, "per_request", "lock_price_per_request"),
                "per_second": read_first(read_price, facts, "per_second", "lock_price_per_second"),
                "raw": dict(payload),
            }
        )

    @property
    def unit(self) -> str | None:
        """Return ``per_request`` or ``per_second``, or ``None`` if the service does not say which one counts."""
        units = [name for name in UNITS if getattr(self, name) is not None]
        if self.pricing_unit:
            is_known = self.pricing_unit in (UNITS if self.max_price is not None else units)
            return self.pricing_unit if is_known else None
        return units[0] if len(units) == 1 else None

    @property
    def amount(self) -> Decimal | None:
        """Return the price of one unit, or the upper end of its range."""
        if self.unit is None or (self.has_complex_pricing and self.max_price is None):
            return None
        return max((price for price in (getattr(self, self.unit), self.max_price) if price is not None), default=None)


def _dicts(payload: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return _merged(value for name in names if isinstance(value := payload.get(name), dict))


def _inner(payload: Mapping[str, Any], name: str) -> dict[str, Any]:
    inner = payload.get(name)
    return _not_none(inner) if isinstance(inner, dict) else {}


def _not_none(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for layer in layers for name, value in layer.items()}


def _unlocked(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the fields of a locked price: without a lock, a price of 0 per request means no price."""
    return {
        name: value
        for name, value in facts.items()
        if not name.startswith("lock_price_") and not (name == "per_request" and read_price(value) == 0)
    }


def _operations(facts: Mapping[str, Any]) -> list[str]:
    """Return the operations, under either of their documented names."""
    return read_texts(facts.get("supported_operations")) or read_texts(facts.get("public_operations"))
