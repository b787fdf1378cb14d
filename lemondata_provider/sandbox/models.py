"""The models of the public inventory: what each can do and what it costs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings

_LISTED_SINCE = 1_760_000_000
NEWEST = "2026-09"
EXTENSION = {"2026-03": "lemondata", "2026-05": "lemondata", NEWEST: "tokenlab"}
ENDPOINT = "/v1/videos/generations"
_PARAMETERS = ("model", "prompt", "operation", "duration", "aspect_ratio", "resolution", "seed", "output_audio")
# What the newest edition shows of every model beside what concerns a video.
_NAMES: dict[str, Any] = {"aliases": [], "capabilities": ["video"]}
_DISCOVERY: dict[str, Any] = {
    **_NAMES,
    "max_input_tokens": None,
    "max_output_tokens": None,
    "has_complex_pricing": False,
    "lifecycle": {
        "stage": "active",
        **dict.fromkeys(("reason", "replacement_model", "released_at", "deprecated_at", "retired_at", "sunset_at")),
        "latest": False,
        "latest_source": "none",
        "latest_window_days": None,
    },
    "commercial": {"user_charge_policy": "paid", "free_reason": None, "free_until": None},
    "badges": [],
}


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

    def summary(self, edition: str) -> dict[str, Any]:
        """The model as the list shows it."""
        extension = {
            "category": "video",
            "pricing_unit": self.pricing_unit,
            "agent_preferences": {"recommended_for": ["video"]},
        }
        operations = list(self.supported_operations)
        if edition == NEWEST:
            endpoints = dict.fromkeys(operations, ENDPOINT)
            extension |= _DISCOVERY
            extension["pricing"] = self.offer("range")["pricing_summary"]
            extension["request_format_summary"] = {
                "public_operations": operations,
                "request_endpoint": ENDPOINT,
                "request_endpoint_by_operation": endpoints,
            }
        else:
            extension["supported_operations"] = operations
            extension["public_contract_summary"] = f"{self.owned_by}: {', '.join(operations)}"
        return {
            "id": self.id,
            "object": "model",
            "created": _LISTED_SINCE,
            "owned_by": self.owned_by,
            EXTENSION[edition]: extension,
        }

    def detail(self, edition: str) -> dict[str, Any]:
        """The model with its public contract."""
        summary = self.summary(edition)
        limits = {name: list(value) for name, value in asdict(self).items() if name.startswith("allowed_")}
        operations = list(self.supported_operations)
        extension = summary[EXTENSION[edition]]
        if edition != NEWEST:
            contract = {"supported_operations": operations, **limits, "supported_parameters": _PARAMETERS}
            extension["public_contract"] = contract
            return summary
        texts = {name: [str(value) for value in values] for name, values in limits.items()}
        extension["supported_operations"] = operations
        extension["accepted_request_formats"] = []
        extension["request_format_details"] = {
            "public_operations": operations,
            "supported_parameters": _PARAMETERS,
            "operation_constraints": [{"operation": operation, **texts} for operation in operations],
        }
        return summary

    def offer(self, form: str) -> dict[str, Any]:
        """The price of the model, as one or the other edition of the documentation writes it."""
        per_request = self.price if self.pricing_unit == "per_request" else None
        if form == "range":
            summary = {"unit": self.pricing_unit.removeprefix("per_"), "min_price": "0.01", "max_price": self.price}
            return {
                "model": self.id,
                "provider": self.owned_by,
                **_NAMES,
                "has_complex_pricing": True,
                "is_lock_price": False,
                "pricing_summary": summary,
            }
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
            **_NAMES,
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


def list_models(
    category: str = "", recommended_for: str = "", provider: str = "", edition: str = NEWEST
) -> dict[str, Any]:
    """The list of models; every one is a video model, an unknown category has none."""
    wanted = {category or "video", recommended_for or "video"} == {"video"}
    found = [
        model
        for model in inventory().values()
        if wanted and (not provider or model.owned_by.lower() == provider.lower())
    ]
    return {"object": "list", "data": [model.summary(edition) for model in found]}


def price_list(models: Iterable[Model], settings: Settings, now: float) -> dict[str, Any]:
    """The prices of these models."""
    form = "old" if settings.edition == "2026-03" else settings.pricing_form
    data = [model.offer(form) for model in models]
    if form == "old":
        return {"object": "list", "data": data}
    updated = datetime.fromtimestamp(now, timezone.utc).isoformat()
    return {"object": "pricing", "updated_at": updated, "currency": "USD", "data": data}


def model_price(model: Model, settings: Settings, now: float) -> dict[str, Any]:
    """The price of one model, as its own endpoint tells it."""
    if settings.edition != NEWEST or settings.pricing_form == "old":
        return price_list([model], settings, now)
    offer = model.offer(settings.pricing_form)
    summary = offer["pricing_summary"]
    scalar = {name: value for name, value in summary.items() if name in ("per_request", "per_second")}
    return {
        "model": model.id,
        "pricing_unit": model.pricing_unit,
        "has_complex_pricing": offer.get("has_complex_pricing", False),
        "supported_operations": list(model.supported_operations),
        "pricing_summary": summary if not scalar else None,
        "scalar_pricing": scalar,
    }


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
