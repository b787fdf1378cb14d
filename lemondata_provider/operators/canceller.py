"""The end of a task instance by a user: it cancels the task at LemonData, once."""

from __future__ import annotations

import threading

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.operators.record import Record


class Canceller:
    """
    Cancel a task once, however often Airflow says that its task instance has ended.

    :param hook: the connection.
    :param task_instance: whose task it is.
    """

    def __init__(self, hook: LemonDataHook, task_instance: TaskInstanceKey) -> None:
        self._hook, self._task_instance = hook, task_instance
        self._lock, self._outcome = threading.Lock(), ""

    def cancel_if_ended_by_user(self, record: Record, timeout: float) -> None:
        """
        Cancel the task if a user ended the task instance; a drained worker and a retry keep it.

        :param record: what there is by now; without an id there is nothing to cancel.
        :param timeout: maximum seconds to wait for the answers of Airflow and LemonData.
        """
        if record.task_id is None:
            return
        # In a thread: the signal may interrupt a request to Airflow, which has to end before another one.
        cancelling = threading.Thread(target=self._cancel_if_ended_by_user, args=(record.task_id,))
        cancelling.start()
        cancelling.join(timeout)
        if cancelling.is_alive():
            self._hook.log.warning("Cancelling task %s timed out: it may go on, and be charged", record.task_id)

    def raise_if_ended_by_user(self, record: Record) -> None:
        """
        Cancel the task if a user ended the task instance while its create was under way.

        Airflow tells a process of that with its next heartbeat only, and a task that defers has none any more.

        :param record: what was submitted.
        :raises LemonDataFailException: a user ended the task instance.
        """
        if self._task_instance.reason_to_keep() is None:
            task_id = record.task_id or ""
            message = f"A user ended this task instance while its video was submitted. {self._cancel(task_id)}"
            raise LemonDataFailException(LemonDataError(message, task_id=task_id, poll_url=record.poll_url))

    def _cancel_if_ended_by_user(self, task_id: str) -> None:
        if reason := self._task_instance.reason_to_keep():
            self._hook.log.info("Task %s is not cancelled: %s", task_id, reason)
        else:
            self._hook.log.warning(self._cancel(task_id))

    def _cancel(self, task_id: str) -> str:
        """Cancel the task, and say what came of it: the signal to end may come while that is under way."""
        with self._lock:
            if not self._outcome:
                self._outcome = self._hook.cancel(task_id)
            return self._outcome
