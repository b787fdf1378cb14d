"""A task state store in memory, for tests."""

from __future__ import annotations

import json
from typing import Any


class TaskStateStore(dict[str, Any]):
    """Airflow's task state store, as far as an operator of ours uses it."""

    def set(self, key: str, value: Any, retention: Any = None) -> None:
        assert json.loads(json.dumps(value)) == value  # Airflow refuses tuples
        self[key] = value

    def delete(self, key: str) -> None:
        del self[key]
