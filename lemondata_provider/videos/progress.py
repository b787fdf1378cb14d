"""The progress of a video: what stands in the XCom ``lemondata_progress`` while a task instance waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lemondata_provider.videos.entry import read_number

PROGRESS_KEY = "lemondata_progress"


@dataclass(frozen=True)
class Progress:
    """
    What the last answer said.

    :param status: LemonData's own word.
    :param at: Unix seconds of the answer.
    :param percent: 0 to 100, if the service says so.
    """

    status: str
    at: float
    percent: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Any) -> Progress | None:
        """Read a stored progress; ``None`` if it is none."""
        if not isinstance(stored, Mapping):
            return None
        status, at, percent = stored.get("status"), read_number(stored.get("at")), read_number(stored.get("percent"))
        if not isinstance(status, str) or at is None:
            return None
        return cls(status[:50], at, None if percent is None else min(max(percent, 0.0), 100.0))
