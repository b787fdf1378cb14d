"""
Whether a task at LemonData is still wanted when its Airflow task is killed.

Airflow calls ``on_kill`` also when a worker is drained or a trigger is moved to another triggerer, where it is: so the
state of the task instance decides.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

# A triggerer that restarts, a worker that is drained and a retry that takes over show other states. After a clear any
# state can be seen, up to those of the new try: so it is the new try that cancels what it replaces.
USER_ENDED_STATES = frozenset({"failed", "success", "skipped", "removed"})


@dataclass(frozen=True)
class TaskInstanceKey:
    """Which task instance it is, as Airflow's own commands name it."""

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

    def state(self) -> str:
        """
        Ask Airflow for the state, ``none`` included; blocks, and works in any process that runs a task or a trigger.

        :raises LookupError: if there is no such task instance any more.
        """
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 # not to parse a DAG

        runs = RuntimeTaskInstance.get_task_states(
            self.dag_id, map_index=self.map_index, task_ids=[self.task_id], run_ids=[self.run_id]
        )
        for state in runs.get(self.run_id, {}).values():
            return str(state or "none")
        raise LookupError(f"{self.arguments()} is not there any more")

    def reason_to_keep(self) -> str | None:
        """Ask Airflow, and return why the task at LemonData is still wanted; nothing if somebody ended this one."""
        try:
            state = self.state()
        except Exception as error:  # noqa: BLE001 # in doubt it is wanted
            return f"Airflow did not tell who ended this ({error})"
        return None if state in USER_ENDED_STATES else f"this task instance is {state}"
