"""What the submit knew of a video; answers about its task do not repeat all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SubmitFacts:
    """
    What the submit knew.

    :param model: the model of the request.
    :param operation: the operation of the request; answers do not name it.
    :param estimated_cost_usd: the price at submit time, if known.
    """

    model: str | None = None
    operation: str | None = None
    estimated_cost_usd: str | None = None

    @classmethod
    def from_result(cls, result: object) -> SubmitFacts:
        """Read the facts from the result of a submit; anything else holds none."""
        values = result if isinstance(result, Mapping) else {}
        return cls(*(values.get(name) for name in cls.__dataclass_fields__))

    def complete(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return a task's result, completed with the facts that its answer does not name."""
        return {**result, **{name: result.get(name) or value for name, value in asdict(self).items()}}
