"""
Which models there are and what they cost, as LemonData tells it today.

Sources: https://docs.lemondata.cc (list-models, get-model, get-pricing).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lemondata_provider.api.models import Answer, Moment, Text, text_of


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        price = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return price if price.is_finite() else None


Price = Annotated[Decimal | None, BeforeValidator(_decimal)]


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
        operations = _texts(facts.get("supported_operations")) or _texts(contract.get("supported_operations"))
        if not text_of(payload.get("id")):
            return None
        return cls.model_validate(
            {name: facts.get(name) for name in ("owned_by", "created", "category", "pricing_unit")}
            | {"id": payload["id"], "public_contract": contract, "raw": dict(payload)}
            | {"supported_operations": operations}
        )


class ModelPrice(Answer):
    """What a model costs in ``currency``: per request, per second of video, or unknown where both are missing."""

    model: str
    provider: Text = None
    currency: str = "USD"
    per_request: Price = None
    per_second: Price = None
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any], currency: object = None) -> ModelPrice | None:
        """Read one price in either of the two documented forms; an entry without a model is no price."""
        nested = payload.get("pricing")
        facts = {**payload, **nested} if isinstance(nested, dict) else dict(payload)
        if not (model := text_of(facts.get("model"))):
            return None
        return cls(
            model=model,
            provider=facts.get("provider"),
            currency=text_of(facts.get("currency")) or text_of(currency) or "USD",
            per_request=_price(facts, "per_request"),
            per_second=_price(facts, "per_second"),
            raw=dict(payload),
        )


def _price(facts: Mapping[str, Any], name: str) -> Any:
    known = facts.get(name)
    return facts.get(f"lock_price_{name}") if _decimal(known) is None else known


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
