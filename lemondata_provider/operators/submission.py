"""
The way to a task at LemonData without paying for it twice.

What a try finds in the store, and what follows from it, is said in :mod:`lemondata_provider.operators.record`.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import LemonDataError, TaskTimeoutError
from lemondata_provider.api.models import Task
from lemondata_provider.api.polling import DOUBT_SECONDS, Ended, LookAgain, Step, Wait
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.verdict import Verdict, submit_error, verdict
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.record import (
    HISTORY_KEY,
    KEY,
    Next,
    Options,
    Record,
    first_step,
    is_cleared,
    submits_anew,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

HELD_BACK = (signal.SIGTERM, signal.SIGALRM)
STORE_SECONDS = 300.0  # how long storing the id of a task that is paid for is tried


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

    :param accessor: ``context["task_state_store"]``, which Airflow has since 3.3.
    """

    def __init__(self, accessor: Any) -> None:
        from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined] # noqa: PLC0415 # Airflow 3.3 and newer

        self._accessor = accessor
        self._retention = NEVER_EXPIRE

    def get(self, key: str) -> Any:
        """Return a value, or nothing."""
        return self._accessor.get(key)

    def set(self, key: str, value: Any) -> None:
        """Keep a value for ever."""
        self._accessor.set(key, value, retention=self._retention)

    def delete(self, key: str) -> None:
        """Forget a value."""
        self._accessor.delete(key)


def store_of(context: Context) -> Store | None:
    """Return the store of a task instance; none, with one warning, where Airflow has none. The one place that asks."""
    accessor = context.get("task_state_store")
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


@dataclass
class Submission:
    """
    One piece of work: its request, what is stored of it, and the way to its task.

    The store holds an intent while a request is on its way, so that whoever finds one later knows that a create may
    have been paid for; and the task from the moment its id is known.

    :param hook: the connection.
    :param request: what is submitted.
    :param record: what is to be stored of it; it gets the task's id once that is known.
    :param options: what the user allows to be paid for again.
    :param poll_interval: the pause aimed at between two looks, in seconds.
    :param store: where the record is kept; none if it is kept nowhere.
    :param sleep: how to pause.
    :param lost: the error of a request that may have been accepted.
    """

    hook: LemonDataHook
    request: VideoRequest
    record: Record
    options: Options
    poll_interval: float
    store: Store | None
    sleep: Callable[[float], None] = time.sleep
    lost: LemonDataError | None = None

    def begin(self) -> tuple[Wait, Step]:
        """
        Come to the task: the one of an earlier try where there is one, otherwise a new one.

        :raises LemonDataError: nothing was submitted, or nobody knows whether something was.
        """
        found = Record.read(self.store.get(KEY)) if self.store else None
        if first_step(found, self.record, self.options) is Next.LOOK and found:
            return self._look(found)
        return self._submit(found)

    def forgotten(self) -> LemonDataError | None:
        """Return what a retry would not know of and would pay for again, for a try that is ended from outside."""
        if self.store is None and self.record.task_id:
            message = "execution_timeout came after the submit: the video is paid for."
            return TaskTimeoutError(message, task_id=self.record.task_id, poll_url=self.record.poll_url)
        return submit_error(self.lost) if self.store is None and self.lost else None

    def _look(self, found: Record) -> tuple[Wait, Step]:
        cleared = is_cleared(found, self.record)
        deadline = self.record.deadline if cleared else found.deadline
        self.record = replace(self.record, task_id=found.task_id, poll_url=found.poll_url, deadline=deadline)
        who = "cleared by a person" if cleared else "a retry"
        self.hook.log.info("This is %s: looking at task %s, which is paid for", who, found.task_id)
        if cleared:
            self._keep()
        wait = self._wait()
        step = self.hook.look(wait)
        while isinstance(step, LookAgain) and step.doubtful:
            self.sleep(min(step.delay, DOUBT_SECONDS))
            step = self.hook.look(wait)
        if isinstance(step, Ended) and submits_anew(step.error, cleared, self.options):
            self.hook.log.info("Its video is not there (%s): submitting anew", step.error)
            return self._submit(found)
        return wait, step

    def _submit(self, before: Record | None) -> tuple[Wait, Step]:
        if self.store and before and before.task_id:
            self.store.set(HISTORY_KEY.format(before.task_id), before.to_json())
        self.record = replace(self.record, task_id=None, poll_url=None)
        try:
            with self.hook.get_conn() as client:
                task = client.send(calls.submit_video(self.request), lambda call: self._attempt(client, call))
        except LemonDataError as error:
            raise submit_error(error) from error
        wait = self._wait()
        return wait, wait.answered(task, time.time())

    def _attempt(self, client: Client, call: calls.Call[Task]) -> Task:
        """Send one request; neither a signal nor a timeout comes between it and the storing of what it brought."""
        with undisturbed():
            if self.store:
                self.store.set(KEY, self.record.to_json())
            try:
                task = client.send_once(call)
            except LemonDataError as error:
                if verdict(error) is Verdict.UNKNOWN:
                    self.lost = error
                else:
                    self._forget_intent()
                raise
            self.hook.log.info("LemonData accepted task %s; poll URL: %s", task.id, task.poll_url)
            self.record = replace(self.record, task_id=task.id, poll_url=task.poll_url)
            self._keep()
            return task

    def _keep(self) -> None:
        """Store the record, through an outage of Airflow's API server too: what it names is paid for."""
        until = time.monotonic() + STORE_SECONDS
        while self.store:
            try:
                self.store.set(KEY, self.record.to_json())
                return
            except Exception as error:  # noqa: BLE001 # whatever the store has trouble with: the id must not be lost
                self.hook.log.warning("Task %s could not be stored yet: %s", self.record.task_id, error)
            if time.monotonic() >= until:
                return
            self.sleep(1.0)

    def _forget_intent(self) -> None:
        """Take the intent back: surely nothing was submitted; where that fails, the next try asks a person."""
        try:
            if self.store:
                self.store.delete(KEY)
        except Exception as error:  # noqa: BLE001 # the reason why nothing was submitted must not be lost
            self.hook.log.warning("The key %s could not be deleted from the task state store: %s", KEY, error)

    def _wait(self) -> Wait:
        return Wait(
            self.record.task_id or "",
            self.record.poll_url or "",
            poll_interval=self.poll_interval,
            deadline=self.record.deadline,
        )


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold SIGTERM and execution_timeout back until the end of the block; they are not lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    caught: list[int] = []
    # Not a signal mask: that is of one thread, and a process that has several gets the signal through another.
    before = {number: signal.signal(number, lambda number, _: caught.append(number)) for number in HELD_BACK}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for late in caught:
            signal.raise_signal(late)
