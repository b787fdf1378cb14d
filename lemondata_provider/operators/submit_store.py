"""What Airflow's task state store holds of the submits of one task instance, and how it is read and written safely."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk import Context

from lemondata_provider.api.errors import SubmitUnknownError
from lemondata_provider.operators.record import ENDED_KEY, HISTORY, HISTORY_KEY, KEY, Ended, Record
from lemondata_provider.operators.store import Store, store_of

log = logging.getLogger(__name__)
READ_AGAIN_SECONDS = 1.0
WRITE_TIMEOUT = 300.0  # how long storing the id of a task that is paid for is tried


@dataclass(frozen=True)
class AirflowTry:
    """
    One try of a task instance.

    :param id: Airflow's id of it. Airflow's API server refuses what a replaced try would store.
    :param number: its number, from 1 over all retries and clears.
    :param clear_number: how often tasks of its run were cleared.
    """

    id: str | None = None
    number: int = 1
    clear_number: int = 0

    @classmethod
    def of(cls, context: Context) -> AirflowTry:
        """Return the try of a context."""
        ti, run = context["ti"], context.get("dag_run")
        return cls(str(ti.id), ti.try_number, getattr(run, "clear_number", None) or 0)


@dataclass
class SubmitStore:
    """
    The records of one task instance.

    :param store: where they are.
    :param current: the try that reads and writes.
    :param sleep: how to pause.
    """

    store: Store
    current: AirflowTry = AirflowTry()
    sleep: Callable[[float], None] = time.sleep

    def read(self) -> Record | None:
        """
        Return the record, or nothing.

        :raises SubmitUnknownError: if it is there and cannot be read.
        """
        return Record.read(self._get(KEY))

    def is_cleared(self, found: Record, wanted: Record) -> bool:
        """Return whether a person cleared the task since a record was written; the clear after an adoption is none."""
        if found.is_adopted:
            return False
        return found.max_tries != wanted.max_tries or self._has_ended_with(found)

    def find_earlier(self, fingerprint: dict[str, str]) -> Record | None:
        """Return the newest replaced record of the same request: its task is paid for."""
        for task_id in reversed(self._history()):
            with suppress(SubmitUnknownError):
                record = Record.read(self._get(HISTORY_KEY.format(task_id)))
                if record and record.task_id and record.fingerprint == fingerprint:
                    return record
        return None

    def keep_replaced(self, record: Record) -> None:
        """Keep a record that another one is about to replace."""
        name = record.task_id or "unknown"
        self.store.set(HISTORY_KEY.format(name), record.to_json())
        if record.task_id:
            self.store.set(HISTORY, [*(kept for kept in self._history() if kept != name), name])

    def write_intent(self, intent: Record, before: Record | None) -> None:
        """Store that a request is about to leave; if that fails, nothing of it stays."""
        try:
            self.store.set(KEY, intent.to_json())
        except Exception:
            self.take_back(before)  # it may have been stored all the same, and nothing was sent
            raise

    def take_back(self, before: Record | None) -> None:
        """
        Take this try's own intent back: surely nothing was submitted. Where that fails, the next try asks a person.

        :param before: the record that the intent replaced.
        """
        try:
            stored = self.store.get(KEY)
            if not isinstance(stored, dict) or stored.get("try_id") != self.current.id:
                return
            if before:
                self.store.set(KEY, before.to_json())
            else:
                self.store.delete(KEY)
        except Exception as error:  # noqa: BLE001 # the reason why nothing was submitted must not be lost
            log.warning("The key %s could not be deleted from the task state store: %s", KEY, error)

    def write_task(self, record: Record) -> None:
        """Store the record of a task, through an outage of Airflow's API server too: what it names is paid for."""
        write_through_outage(lambda: self.store.set(KEY, record.to_json()), record.task_id, self.sleep)

    def write_end(self, task_id: str | None) -> None:
        """Store that the task instance ends for good with a task: if another try comes, a person wants it."""
        if task_id is None:
            return
        try:
            self.store.set(ENDED_KEY, asdict(Ended(task_id, self.current.clear_number)))
        except Exception as error:  # noqa: BLE001 # nothing is lost but a hint
            log.warning("The key %s could not be stored: %s", ENDED_KEY, error)

    def _has_ended_with(self, record: Record) -> bool:
        try:
            return Ended(**self.store.get(ENDED_KEY)).is_cleared_since(record, self.current.clear_number)
        except TypeError:  # not there, or not ours
            return False

    def _history(self) -> list[str]:
        history = self._get(HISTORY)
        return [name for name in history if isinstance(name, str)] if isinstance(history, list) else []

    def _get(self, key: str) -> Any:
        """Read a value. A later try does not believe the first "nothing": it would pay for what is paid for."""
        value = self.store.get(key)
        if value is None and self.current.number > 1:
            self.sleep(READ_AGAIN_SECONDS)
            value = self.store.get(key)
        return value


def write_through_outage(
    write: Callable[[], None], task_id: str | None, sleep: Callable[[float], None], timeout: float = WRITE_TIMEOUT
) -> Exception | None:
    """
    Write to Airflow's API server, and again each second while that fails: what is written is paid for.

    :param write: writes.
    :param task_id: LemonData's id of the task, for the log.
    :param sleep: how to pause.
    :param timeout: how long an outage may last, in seconds.
    :return: why it failed to the end, if it did.
    """
    until = time.monotonic() + timeout
    while True:
        try:
            write()
            return None
        except Exception as error:  # noqa: BLE001 # whatever Airflow has trouble with
            log.warning("Task %s could not be stored yet: %s", task_id, error)
            if time.monotonic() >= until:
                return error
        sleep(1.0)


def submit_store_of(operator: Any, context: Context) -> SubmitStore | None:
    """Return the records of a task instance; none where Airflow has no store, or the user wants none."""
    store = store_of(context) if operator.durable else None
    return None if store is None else SubmitStore(store, AirflowTry.of(context), operator.sleep)
