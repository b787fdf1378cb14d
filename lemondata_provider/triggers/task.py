"""The trigger that follows a task's poll URL. Source: https://docs.lemondata.cc (get-task-status)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.polling import Ended, TaskPoller
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.tracing import span
from lemondata_provider.triggers.events import TaskEvent
from lemondata_provider.triggers.task_instance import TaskInstanceKey
from lemondata_provider.triggers.waiting import TaskWait

if TYPE_CHECKING:
    from lemondata_provider.triggers.hub_registry import HubRegistry


class TaskTrigger(BaseTrigger):
    """
    Wait for one task, and send one :class:`~lemondata_provider.triggers.events.TaskEvent` when the wait has ended.

    It never raises, never submits and never downloads; it starts again from its arguments anywhere, at any time.

    :param task_id: LemonData's id of the task.
    :param poll_url: where it is polled, as the create answer gave it.
    :param lemondata_conn_id: the connection; its key is never among the arguments.
    :param poll_interval: the pause aimed at between two polls, in seconds; less while the rate limit has room, and
        more where many tasks share it.
    :param deadline: Unix seconds at which the wait ends, whatever restarts in between.
    :param cancel_on_kill: whether the task is cancelled when somebody ends the Airflow task (Airflow 3.3 and newer).
    :param model: which model generates, if that is known: when its tasks are likely to end is learned.
    :param created: Unix seconds at which the task was created, if that is known.
    :param asked_at: Unix seconds of the last request about the task, which used the rate limit; default: long ago.
    """

    cancel_seconds = 30.0  # for asking Airflow and LemonData: 40 tasks that were killed at once took 8 s

    def __init__(  # noqa: PLR0913 # what a trigger is stored as
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
        asked_at: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        # Not self.task_id: there the triggerer puts the id of the Airflow task.
        self.lemondata_task_id = task_id
        self.poll_url = poll_url
        self.lemondata_conn_id = lemondata_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self.model = model
        self.created = created
        self.asked_at = asked_at
        self._cancelling: asyncio.Task[None] | None = None

    @classmethod
    def of(
        cls, wait: TaskPoller, lemondata_conn_id: str, cancel_on_kill: bool = False, model: str | None = None
    ) -> TaskTrigger:
        """Return the trigger that goes on with a wait, which has just polled."""
        return cls(
            task_id=wait.task_id,
            poll_url=wait.poll_url,
            deadline=wait.deadline,
            lemondata_conn_id=lemondata_conn_id,
            poll_interval=wait.poll_interval,
            cancel_on_kill=cancel_on_kill,
            model=model,
            created=wait.created,
            asked_at=time.time(),
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made of, without any secret."""
        return (
            "lemondata_provider.triggers.task.TaskTrigger",
            {
                "task_id": self.lemondata_task_id,
                "poll_url": self.poll_url,
                "lemondata_conn_id": self.lemondata_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "cancel_on_kill": self.cancel_on_kill,
                "model": self.model,
                "created": self.created,
                "asked_at": self.asked_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, and say how in one event."""
        try:
            event = TaskEvent.of(await self._ended(), self.lemondata_task_id, self.poll_url)
        except asyncio.CancelledError as cancelled:
            # It says why where somebody ended the task; Airflow 3.3.2 then does not always come to call on_kill.
            if cancelled.args and self.cancel_on_kill:
                self._begin_cancelling()
            raise
        except Exception as error:  # an exception that leaves here costs a retry, and explains nothing
            self.log.exception("Waiting for task %s broke", self.lemondata_task_id)
            message = f"The trigger broke: {type(error).__name__}: {error}"
            broken = Ended(error=LemonDataError(message, task_id=self.lemondata_task_id, poll_url=self.poll_url))
            event = TaskEvent.of(broken, self.lemondata_task_id, self.poll_url)
        yield TriggerEvent(event.model_dump(mode="json"))  # type: ignore[no-untyped-call]  # Airflow leaves it untyped

    async def on_kill(self) -> None:
        """Cancel the task at LemonData if somebody ended the Airflow task; a moved trigger leaves it alone."""
        if not self.cancel_on_kill:
            return
        cancelling = self._begin_cancelling()
        until = time.monotonic() + self.cancel_seconds
        while not cancelling.done() and (rest := until - time.monotonic()) > 0:
            with suppress(asyncio.CancelledError):  # Airflow 3.3.2 cancels on_kill after about a second
                await asyncio.wait({cancelling}, timeout=rest)
        if not cancelling.done():
            cancelling.cancel()
            self.log.warning(
                "Whether task %s was cancelled is not known: no answer came in time", self.lemondata_task_id
            )

    def _begin_cancelling(self) -> asyncio.Task[None]:
        """Begin once, in a task of its own: Airflow may cancel whatever it runs in, and more than once."""
        if self._cancelling is None:
            self._cancelling = asyncio.create_task(self._cancel_if_unwanted())
        return self._cancelling

    async def _cancel_if_unwanted(self) -> None:
        if why := await asyncio.to_thread(TaskInstanceKey.of(self.task_instance).reason_to_keep):
            self.log.info("Task %s is not cancelled: %s", self.lemondata_task_id, why)
        else:
            self.log.warning(await LemonDataHook(self.lemondata_conn_id).acancel(self.lemondata_task_id))

    @property
    def hubs(self) -> HubRegistry:
        """Return where all triggers of this event loop wait together."""
        # DAG files do not wait: they do not pay for the import.
        from lemondata_provider.triggers.hub_registry import registry_for_running_loop  # noqa: PLC0415

        return registry_for_running_loop()

    async def _ended(self) -> Ended:
        waiting = TaskWait(
            self.lemondata_task_id,
            self.poll_url,
            self.lemondata_conn_id,
            self.poll_interval,
            self.deadline,
            self.model,
            self.created,
        )
        with span("lemondata.wait", task_id=self.lemondata_task_id, model=self.model):
            return await self.hubs.wait_for(waiting, self.asked_at)
