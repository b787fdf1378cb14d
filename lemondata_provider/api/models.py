"""
Which models there are and what they cost, as LemonData tells it today.

Sources: https://docs.lemondata.cc (list-models, get-model, get-pricing, get-model-pricing).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lemondata_provider.api.task import Answer, Moment, Text, text_of

_DEAREST = 10**9
_DIGITS = 30  # a price of more is none: written out, it would have no end


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        price = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < _DEAREST and price.adjusted() > -_DIGITS else None


Price = Annotated[Decimal | None, BeforeValidator(_decimal)]


def _yes(value: object) -> bool:
    return value.strip().casefold() in ("true", "yes", "1") if isinstance(value, str) else value == 1


class Model(Answer):
    """One model of the inventory: what it is, how it is priced, and what it can do."""

    id: str
    owned_by: Text = None
    created: Moment = None
    category: Text = None
    pricing_unit: Text = None
    supported_operations: tuple[str, ...] = ()
    public_contract: dict[str, Any] = Field(default={})
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Model | None:
        """Read one entry of the model list, or a model's detail; an entry without an id is no model."""
        own = payload.get("lemondata")
        facts = {**payload, **own} if isinstance(own, dict) else dict(payload)
        contract = facts.get("public_contract")
        contract = contract if isinstance(contract, dict) else {}
        summary = facts.get("public_contract_summary")
        operations = _operations(facts) or _operations(contract) or _operations(summary)
        if not text_of(payload.get("id")):
            return None
        return cls.model_validate(
            {name: facts.get(name) for name in ("owned_by", "created", "category", "pricing_unit")}
            | {"id": payload["id"], "public_contract": contract, "raw": dict(payload)}
            | {"supported_operations": operations}
        )


class ModelPrice(Answer):
    """
    What a model costs in ``currency``: per request, per second of video, or unknown where both are missing.

    ``pricing_unit`` names the one that holds, if the service says so. With ``has_complex_pricing`` neither is all.
    """

    model: str
    provider: Text = None
    currency: str = "USD"
    pricing_unit: Text = None
    per_request: Price = None
    per_second: Price = None
    has_complex_pricing: Annotated[bool, BeforeValidator(_yes)] = False
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any], currency: object = None) -> ModelPrice | None:
        """Read one price in any of the documented forms; an entry without a model is no price."""
        layers = [_inner(payload, "pricing_summary"), _not_none(payload), _inner(payload, "pricing")]
        facts = _merged(layers)
        if facts.get("is_lock_price") is False:
            facts = _merged(map(_unlocked, layers))
        if not (model := text_of(facts.get("model"))):
            return None
        return cls(
            model=model,
            provider=facts.get("provider"),
            currency=text_of(facts.get("currency")) or text_of(currency) or "USD",
            pricing_unit=facts.get("pricing_unit"),
            per_request=_price(facts, "per_request"),
            per_second=_price(facts, "per_second"),
            has_complex_pricing=facts.get("has_complex_pricing"),
            raw=dict(payload),
        )

    @property
    def unit(self) -> str | None:
        """Return what is paid for, ``per_request`` or ``per_second``; nothing where the service does not tell it."""
        units = [name for name in ("per_request", "per_second") if getattr(self, name) is not None]
        if self.pricing_unit:
            return self.pricing_unit if self.pricing_unit in units else None
        return units[0] if len(units) == 1 else None


def _inner(payload: Mapping[str, Any], name: str) -> dict[str, Any]:
    inner = payload.get(name)
    return _not_none(inner) if isinstance(inner, dict) else {}


def _not_none(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for layer in layers for name, value in layer.items()}


def _unlocked(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what only a locked price means: without one, a request of 0 is a blank and not a gift."""
    return {
        name: value
        for name, value in facts.items()
        if not name.startswith("lock_price_") and not (name == "per_request" and _decimal(value) == 0)
    }


def _price(facts: Mapping[str, Any], name: str) -> Any:
    known = facts.get(name)
    return facts.get(f"lock_price_{name}") if _decimal(known) is None else known


def _operations(facts: object) -> list[str]:
    """Collect the operations under either of the names that the documentation has for them."""
    values = facts if isinstance(facts, dict) else {}
    return _texts(values.get("supported_operations")) or _texts(values.get("public_operations"))


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
