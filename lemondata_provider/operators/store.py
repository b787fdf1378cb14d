"""Where the record of a submit is kept: Airflow's task state store (3.3 and newer)."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from lemondata_provider.hooks.version_compat import never_expire, task_state_store

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where a record is kept."""

    def get(self, key: str) -> Any:
        """Return a value, or nothing."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""

    def delete(self, key: str) -> None:
        """Forget a value."""


class TaskStateStore:
    """
    Airflow's task state store, whose values never expire here: a job that cleans up must not forget a paid task.

    :param accessor: ``context["task_state_store"]``.
    """

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def get(self, key: str) -> Any:
        """Return a value, or nothing."""
        return self._accessor.get(key)

    def set(self, key: str, value: Any) -> None:
        """Keep a value for ever."""
        self._accessor.set(key, value, retention=never_expire())

    def delete(self, key: str) -> None:
        """Forget a value."""
        self._accessor.delete(key)


def store_of(context: Context) -> Store | None:
    """Return the store of a task instance; none, with one warning, where Airflow has none."""
    accessor = task_state_store(context)
    if accessor is not None:
        return TaskStateStore(accessor)
    _warn_once()
    return None


@lru_cache(maxsize=1)
def _warn_once() -> None:
    log.warning(
        "This Airflow has no task state store (3.3 and newer have): when a task dies that has submitted a video "
        "already, Airflow's retry submits and pays again. Submit and wait in separate tasks to make that window small."
    )
