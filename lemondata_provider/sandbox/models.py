"""The models of the public inventory: what each can do and what it costs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings

_LISTED_SINCE = 1_760_000_000


@dataclass(frozen=True)
class Model:
    """One model of the inventory; an empty list of allowed values means that the source video decides."""

    id: str
    owned_by: str
    supported_operations: tuple[str, ...]
    pricing_unit: str
    price: str
    allowed_durations: tuple[int, ...]
    allowed_resolutions: tuple[str, ...]
    allowed_aspect_ratios: tuple[str, ...]

    def cost(self, duration: int) -> Decimal:
        """What a video of so many seconds costs, in USD."""
        return Decimal(self.price) * (duration if self.pricing_unit == "per_second" else 1)

    def summary(self) -> dict[str, Any]:
        """The model as the list shows it."""
        return {
            "id": self.id,
            "object": "model",
            "created": _LISTED_SINCE,
            "owned_by": self.owned_by,
            "lemondata": {
                "category": "video",
                "pricing_unit": self.pricing_unit,
                "supported_operations": list(self.supported_operations),
                "public_contract_summary": f"{self.owned_by}: {', '.join(self.supported_operations)}",
                "agent_preferences": {"recommended_for": ["video"]},
            },
        }

    def detail(self) -> dict[str, Any]:
        """The model with its public contract."""
        summary = self.summary()
        contract = {
            name: value
            for name, value in asdict(self).items()
            if name == "supported_operations" or name.startswith("allowed_")
        }
        parameters = [
            "model",
            "prompt",
            "operation",
            "duration",
            "aspect_ratio",
            "resolution",
            "seed",
            "output_audio",
        ]
        summary["lemondata"]["public_contract"] = {**contract, "supported_parameters": parameters}
        return summary

    def offer(self, form: str) -> dict[str, Any]:
        """The price of the model, as one or the other edition of the documentation writes it."""
        per_request = self.price if self.pricing_unit == "per_request" else None
        if form == "old":
            pricing = {
                "is_lock_price": per_request is not None,
                "currency": "USD",
                self.pricing_unit: self.price,
            }
            return {"model": self.id, "provider": self.owned_by, "pricing": pricing}
        return {
            "model": self.id,
            "provider": self.owned_by,
            "is_lock_price": per_request is not None,
            "lock_price_per_request": per_request,
            "pricing_summary": {"pricing_unit": self.pricing_unit, self.pricing_unit: self.price},
        }


@cache
def inventory() -> dict[str, Model]:
    """Every model by its id, in the order of the documentation."""
    rows = json.loads(Path(__file__).with_name("models.json").read_text(encoding="utf-8"))
    return {row["id"]: Model(**{name: _frozen(value) for name, value in row.items()}) for row in rows}


def find_model(name: str, settings: Settings) -> Model:
    """The model of that name; refuses an unknown one with the names that come close."""
    models = inventory()
    if name in models:
        return models[name]
    close = difflib.get_close_matches(name, models, n=3, cutoff=0.5)
    hints: dict[str, Any] = {"suggestions": [{"id": found} for found in close]}
    if close:
        hints |= {
            "did_you_mean": close[0],
            "hint": f"Did you mean {close[0]}? GET /v1/models lists every model.",
        }
    raise Refusal(
        settings.model_not_found_status,
        "model_not_found",
        f"The model {name!r} does not exist.",
        param="model",
        **hints,
    )


def list_models(category: str = "", recommended_for: str = "", provider: str = "") -> dict[str, Any]:
    """The list of models; every one is a video model, an unknown category has none."""
    wanted = {category or "video", recommended_for or "video"} == {"video"}
    found = [
        model
        for model in inventory().values()
        if wanted and (not provider or model.owned_by.lower() == provider.lower())
    ]
    return {"object": "list", "data": [model.summary() for model in found]}


def price_list(models: Iterable[Model], settings: Settings, now: float) -> dict[str, Any]:
    """The prices of these models."""
    data = [model.offer(settings.pricing_form) for model in models]
    if settings.pricing_form == "old":
        return {"object": "list", "data": data}
    return {"object": "pricing", "updated_at": int(now), "currency": "USD", "data": data}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
