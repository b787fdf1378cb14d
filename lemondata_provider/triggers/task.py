"""The trigger that follows a task's poll URL. Source: https://docs.lemondata.cc (get-task-status)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.polling import Completed, Failed, TaskPoller, TaskWait
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.hooks.tracing import span
from lemondata_provider.triggers.events import TaskEvent

if TYPE_CHECKING:
    from lemondata_provider.triggers.hub_registry import HubRegistry
    from lemondata_provider.triggers.progress import WatchedTask


class TaskTrigger(BaseTrigger):
    """
    Wait for one task, and send one :class:`~lemondata_provider.triggers.events.TaskEvent` when the wait has ended.

    The trigger never raises, never submits and never downloads. It restarts from its arguments anywhere, at any time.

    :param task_id: LemonData's id of the task.
    :param poll_url: the poll URL of the create answer.
    :param deadline: Unix seconds at which the wait ends, over all restarts.
    :param lemondata_conn_id: the connection; its key is never among the arguments.
    :param poll_interval: the target pause between two polls, in seconds; shorter while the rate limit has room, longer
        if many tasks share it.
    :param cancel_on_kill: cancel the task at LemonData when a user ends the Airflow task (Airflow 3.3 and newer).
    :param model: the model that generates, if known: the hub learns when its tasks end.
    :param created: Unix seconds at which the task was created, if known.
    :param last_request_at: Unix seconds of the last request about the task, which used the rate limit; default: long
        ago.
    """

    cancel_timeout = 30.0  # for Airflow's and LemonData's answers: 40 tasks killed at once took 8 s

    def __init__(  # noqa: PLR0913 # the columns of a stored trigger
        self,
        *,
        task_id: str,
        poll_url: str,
        deadline: float,
        lemondata_conn_id: str = LemonDataHook.default_conn_name,
        poll_interval: float = 5.0,
        cancel_on_kill: bool = False,
        model: str | None = None,
        created: float | None = None,
        last_request_at: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        # No attribute task_id: the triggerer stores the id of the Airflow task under that name.
        self.wait = TaskWait(task_id, poll_url, lemondata_conn_id, deadline, poll_interval, model, created)
        self.cancel_on_kill = cancel_on_kill
        self.last_request_at = last_request_at
        self._cancelling: asyncio.Task[None] | None = None
        self._watched: WatchedTask | None = None

    @classmethod
    def after_poll(cls, poller: TaskPoller, cancel_on_kill: bool = False) -> TaskTrigger:
        """Return the trigger that continues a wait whose last poll was just now."""
        wait = replace(poller.wait, created=poller.created)
        return cls(**asdict(wait), cancel_on_kill=cancel_on_kill, last_request_at=time.time())

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the arguments of the trigger; none is secret."""
        arguments = {"cancel_on_kill": self.cancel_on_kill, "last_request_at": self.last_request_at}
        return "lemondata_provider.triggers.task.TaskTrigger", {**asdict(self.wait), **arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, and send its end as one event."""
        try:
            end = await self._wait()
        except asyncio.CancelledError as cancelled:
            # Arguments mean that a user ended the task; Airflow 3.3.2 then does not always call on_kill.
            if cancelled.args and self.cancel_on_kill:
                self._begin_cancelling()
            raise
        except Exception as error:  # an exception that leaves here costs a retry, and explains nothing
            self.log.exception("Waiting for task %s broke", self.wait.task_id)
            end = Failed(LemonDataError(f"The trigger broke: {type(error).__name__}: {error}"))
        event = TaskEvent.from_end(end, self.wait, self._watched.begun_at if self._watched else None)
        yield TriggerEvent(event.model_dump(mode="json"))  # type: ignore[no-untyped-call]  # Airflow leaves it untyped

    async def on_kill(self) -> None:
        """Cancel the task at LemonData if a user ended the Airflow task, and not if the trigger only moves."""
        if not self.cancel_on_kill:
            return
        cancelling = self._begin_cancelling()
        until = time.monotonic() + self.cancel_timeout
        while not cancelling.done() and (rest := until - time.monotonic()) > 0:
            with suppress(asyncio.CancelledError):  # Airflow 3.3.2 cancels on_kill after about a second
                await asyncio.wait({cancelling}, timeout=rest)
        if not cancelling.done():
            cancelling.cancel()
            self.log.warning("Cancelling task %s timed out: it may go on, and be charged", self.wait.task_id)

    def _begin_cancelling(self) -> asyncio.Task[None]:
        """Begin once, in a task of its own: Airflow may cancel the caller, and more than once."""
        if self._cancelling is None:
            self._cancelling = asyncio.create_task(self._cancel_if_ended_by_user())
        return self._cancelling

    async def _cancel_if_ended_by_user(self) -> None:
        if reason := await asyncio.to_thread(TaskInstanceKey.of(self.task_instance).reason_to_keep):
            self.log.info("Task %s is not cancelled: %s", self.wait.task_id, reason)
        else:
            self.log.warning(await LemonDataHook(self.wait.lemondata_conn_id).acancel(self.wait.task_id))

    @property
    def registry(self) -> HubRegistry:
        """Return the poll hubs of this event loop, which all its triggers share."""
        from lemondata_provider.triggers.hub_registry import (  # noqa: PLC0415 # DAG files do not wait: they do not pay
            registry_for_running_loop,
        )

        return registry_for_running_loop()

    async def _wait(self) -> Completed | Failed:
        with span("lemondata.wait", task_id=self.wait.task_id, model=self.wait.model):
            registry = self.registry
            if self.task_instance is None:  # nothing can be written without one
                return await registry.wait_for(self.wait, self.last_request_at)
            watched = self._watched = registry.watched(TaskInstanceKey.of(self.task_instance))
            try:
                return await registry.wait_for(self.wait, self.last_request_at, watched.on_task)
            finally:
                registry.progress.drop(watched)
