"""Arguments of operators: those that sensors have too are in :mod:`lemondata_provider.hooks.arguments`."""

from __future__ import annotations

from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.hooks.arguments import choice, connection_id, flag, is_literal

__all__ = ["choice", "connection_id", "flag", "is_literal", "names_of_models"]


def names_of_models(name: str, value: Any) -> list[str]:
    """
    Return a list of names of models, empty for nothing.

    :raises InvalidRequestError: if it is anything else.
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)) or not all(isinstance(model, str) and model.strip() for model in value):
        raise InvalidRequestError(f"{name} must be a list of names of models")
    return list(value)
