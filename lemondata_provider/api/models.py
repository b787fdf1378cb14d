"""
The service's models and their prices, as its answers describe them.

Sources: https://docs.lemondata.cc (list-models, get-model, get-pricing, get-model-pricing).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lemondata_provider.api.fields import Price, Text, Time, read_flag, read_price, read_text, read_texts
from lemondata_provider.api.task import Answer


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
        own = payload.get("lemondata")
        facts = {**payload, **own} if isinstance(own, dict) else dict(payload)
        contract = facts.get("public_contract")
        contract = contract if isinstance(contract, dict) else {}
        summary = facts.get("public_contract_summary")
        operations = _operations(facts) or _operations(contract) or _operations(summary)
        if not read_text(payload.get("id")):
            return None
        return cls.model_validate(
            {name: facts.get(name) for name in ("owned_by", "created", "category", "pricing_unit")}
            | {"id": payload["id"], "public_contract": contract, "raw": dict(payload)}
            | {"supported_operations": operations}
        )


class ModelPrice(Answer):
    """
    The price of a model in ``currency``, per request or per second of video; unknown if both are missing.

    ``pricing_unit`` names the one that counts, if the service says so. With ``has_complex_pricing`` it is not the
    whole price.
    """

    model: str
    provider: Text = None
    currency: str = "USD"
    pricing_unit: Text = None
    per_request: Price = None
    per_second: Price = None
    has_complex_pricing: Annotated[bool, BeforeValidator(read_flag)] = False
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any], currency: object = None) -> ModelPrice | None:
        """Parse a price in any of the documented forms; ``None`` without a model."""
        layers = [_inner(payload, "pricing_summary"), _not_none(payload), _inner(payload, "pricing")]
        facts = _merged(layers)
        if facts.get("is_lock_price") is False:
            facts = _merged(map(_unlocked, layers))
        if not (model := read_text(facts.get("model"))):
            return None
        return cls(
            model=model,
            provider=facts.get("provider"),
            currency=read_text(facts.get("currency")) or read_text(currency) or "USD",
            pricing_unit=facts.get("pricing_unit"),
            per_request=_price(facts, "per_request"),
            per_second=_price(facts, "per_second"),
            has_complex_pricing=facts.get("has_complex_pricing"),
            raw=dict(payload),
        )

    @property
    def unit(self) -> str | None:
        """Return ``per_request`` or ``per_second``, or ``None`` if the service does not say which one counts."""
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
    """Leave out the fields of a locked price: without a lock, a price of 0 per request means no price."""
    return {
        name: value
        for name, value in facts.items()
        if not name.startswith("lock_price_") and not (name == "per_request" and read_price(value) == 0)
    }


def _price(facts: Mapping[str, Any], name: str) -> Any:
    known = facts.get(name)
    return facts.get(f"lock_price_{name}") if read_price(known) is None else known


def _operations(facts: object) -> list[str]:
    """Return the operations, under either of their documented names."""
    values = facts if isinstance(facts, dict) else {}
    return read_texts(values.get("supported_operations")) or read_texts(values.get("public_operations"))
