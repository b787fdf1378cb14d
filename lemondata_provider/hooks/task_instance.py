"""
The key of an Airflow task instance, and whether a user has ended it.

Airflow calls ``on_kill`` also when a worker drains or a trigger moves to another triggerer, so the state of the task
instance decides whether its task is cancelled.
"""

from __future__ import annotations

import shlex
from dataclasses import astuple, dataclass
from typing import Any

from lemondata_provider.hooks.version_compat import task_instance_state

# Restarting triggerers, draining workers and retries show other states. After a clear any state can show, up
# to those of the new try: so the new try cancels the task that it replaces.
USER_ENDED_STATES = frozenset({"failed", "success", "skipped", "removed"})


@dataclass(frozen=True)
class TaskInstanceKey:
    """The key of a task instance, as Airflow's own commands spell it."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int = -1

    @classmethod
    def of(cls, ti: Any) -> TaskInstanceKey:
        """Return the key of a task instance."""
        return cls(ti.dag_id, ti.task_id, ti.run_id, -1 if ti.map_index is None else ti.map_index)

    def arguments(self) -> str:
        """Return the key as the arguments of a command."""
        mapped = f" --map-index {self.map_index}" if self.map_index >= 0 else ""
        return f"{shlex.join([self.dag_id, self.task_id, self.run_id])}{mapped}"

    def reason_to_keep(self) -> str | None:
        """Return why the task at LemonData is not cancelled; ``None`` if a user ended the task instance. Blocks."""
        try:
            state = task_instance_state(*astuple(self))
        except Exception as error:  # noqa: BLE001 # in doubt the task is kept
            return f"Airflow did not return the state of the task instance ({error})"
        return None if state in USER_ENDED_STATES else f"this task instance is {state}"
