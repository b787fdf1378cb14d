"""The hints of an answer, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PHRASES = {
    "validation_errors": "Invalid fields: {}.",
    "did_you_mean": "Did you mean {!r}?",
    "suggestions": "Suggestions: {}.",
    "alternatives": "Alternatives: {}.",
    "hint": "Hint: {}.",
    "balance_usd": "Balance: {} USD.",
    "estimated_cost_usd": "Estimated cost: {} USD.",
    "supported_operations": "Supported operations: {}.",
    "supported_parameters": "Supported parameters: {}.",
    "required_selectors": "Required: {}.",
    "prompt_max_characters": "Maximum length of the prompt: {} characters.",
    "allowed_durations": "Allowed durations: {}.",
    "allowed_resolutions": "Allowed resolutions: {}.",
    "allowed_aspect_ratios": "Allowed aspect ratios: {}.",
}


def describe(hints: Mapping[str, Any]) -> str:
    """Return the hints of an answer as sentences that a person can act on."""
    return " ".join(
        text.format(_plain(hints[name])) for name, text in _PHRASES.items() if hints.get(name) not in (None, "", [])
    )


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(_plain_item(item) for item in value)
    return value.rstrip(".") if isinstance(value, str) else value


def _plain_item(item: object) -> str:
    if not isinstance(item, dict):
        return str(item)
    if "field" in item:
        return f"{item['field']}: {str(item.get('message') or item.get('code')).rstrip('.')}"
    return str(item.get("id", item))
