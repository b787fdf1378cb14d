"""What only Airflow 3.3 and newer have, found by looking for it: the one place that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

try:
    from airflow.sdk import RetryDecision, RetryPolicy

    HAS_RETRY_POLICIES = True
except ImportError:  # Airflow 3.2
    HAS_RETRY_POLICIES = False
    RetryPolicy = RetryDecision = object  # type: ignore[assignment,misc]  # a class to inherit from all the same

__all__ = [
    "HAS_RETRY_POLICIES",
    "RetryDecision",
    "RetryPolicy",
    "never_expire",
    "task_state_database",
    "task_state_store",
]


def task_state_store(context: Context) -> Any | None:
    """Return the task state store of a task instance, or nothing where Airflow has none."""
    return context.get("task_state_store")


def never_expire() -> Any:
    """Return the retention that keeps a stored value for ever."""
    from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined] # noqa: PLC0415 # there is one

    return NEVER_EXPIRE


def task_state_database() -> tuple[Any, Any] | None:
    """Return where Airflow keeps all task state stores, and the class that names one; or nothing where it has none."""
    try:
        from airflow.state import TaskScope, get_state_backend  # noqa: PLC0415 # for a command line only
    except ImportError:  # Airflow 3.2
        return None
    return get_state_backend(), TaskScope
