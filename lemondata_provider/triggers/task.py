"""The trigger that follows a task's poll URL. Source: https://docs.lemondata.cc (get-task-status)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import AnswerLostError, LemonDataError
from lemondata_provider.api.models import Task
from lemondata_provider.api.polling import Ended, LookAgain, Step, Wait
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.triggers.cancelling import TaskInstanceKey
from lemondata_provider.triggers.events import TaskEvent


class TaskTrigger(BaseTrigger):
    """
    Wait for one task, and send one :class:`~lemondata_provider.triggers.events.TaskEvent` when the wait has ended.

    It never raises, never submits and never downloads; it starts again from its arguments anywhere, at any time.

    :param task_id: LemonData's id of the task.
    :param poll_url: where it is looked at, as the create answer gave it.
    :param lemondata_conn_id: the connection; its key is never among the arguments.
    :param poll_interval: the pause aimed at between two looks, in seconds.
    :param deadline: Unix seconds at which the wait ends, whatever restarts in between.
    :param cancel_on_kill: whether the task is cancelled when somebody ends the Airflow task (Airflow 3.3 and newer).
    """

    look_seconds = 120.0  # for one look, however slowly its answer drips in
    cancel_seconds = 30.0  # for asking Airflow and LemonData: 40 tasks that were killed at once took 8 s

    def __init__(
        self,
        *,
        task_id: str,
        poll_url: str,
        deadline: float,
        lemondata_conn_id: str = LemonDataHook.default_conn_name,
        poll_interval: float = 5.0,
        cancel_on_kill: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        # Not self.task_id: there the triggerer puts the id of the Airflow task.
        self.awaited = task_id
        self.poll_url = poll_url
        self.lemondata_conn_id = lemondata_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self._client: AsyncClient | None = None
        self._cancelling: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, wait: Wait, lemondata_conn_id: str, cancel_on_kill: bool = False) -> TaskTrigger:
        """Return the trigger that goes on with a wait."""
        return cls(
            task_id=wait.task_id,
            poll_url=wait.poll_url,
            deadline=wait.deadline,
            lemondata_conn_id=lemondata_conn_id,
            poll_interval=wait.poll_interval,
            cancel_on_kill=cancel_on_kill,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made of, without any secret."""
        return (
            "lemondata_provider.triggers.task.TaskTrigger",
            {
                "task_id": self.awaited,
                "poll_url": self.poll_url,
                "lemondata_conn_id": self.lemondata_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "cancel_on_kill": self.cancel_on_kill,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the wait has ended, and say how in one event."""
        try:
            event = TaskEvent.of(await self._ended(), self.awaited, self.poll_url)
        except asyncio.CancelledError as cancelled:
            # It says why where somebody ended the task; Airflow 3.3.2 then does not always come to call on_kill.
            if cancelled.args and self.cancel_on_kill:
                self._begin_cancelling()
            raise
        except Exception as error:  # an exception that leaves here costs a retry, and explains nothing
            self.log.exception("Waiting for task %s broke", self.awaited)
            message = f"The trigger broke: {type(error).__name__}: {error}"
            broken = Ended(error=LemonDataError(message, task_id=self.awaited, poll_url=self.poll_url))
            event = TaskEvent.of(broken, self.awaited, self.poll_url)
        finally:
            await self._disconnect()
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
            self.log.warning("Whether task %s was cancelled is not known: no answer came in time", self.awaited)

    def _begin_cancelling(self) -> asyncio.Task[None]:
        """Begin once, in a task of its own: Airflow may cancel whatever it runs in, and more than once."""
        if self._cancelling is None:
            self._cancelling = asyncio.create_task(self._cancel_if_unwanted())
        return self._cancelling

    async def _cancel_if_unwanted(self) -> None:
        if why := await asyncio.to_thread(TaskInstanceKey.of(self.task_instance).why_wanted):
            self.log.info("Task %s is not cancelled: %s", self.awaited, why)
        else:
            self.log.warning(await LemonDataHook(self.lemondata_conn_id).cancel_from_loop(self.awaited))

    async def _ended(self) -> Ended:
        wait = Wait(self.awaited, self.poll_url, poll_interval=self.poll_interval, deadline=self.deadline)
        step: Step = wait.start(time.time())
        while isinstance(step, LookAgain):
            await asyncio.sleep(step.delay)
            step = await self._look(wait)
            if isinstance(step, LookAgain) and step.needs_connection:
                await self._disconnect()
        return step

    async def _look(self, wait: Wait) -> Step:
        """Send exactly one request; it is repeated by the schedule only."""
        try:
            task = await self._answer()
        except LemonDataError as error:
            self.log.warning("Task %s could not be looked at: %s", self.awaited, error)
            return wait.failed(error, time.time())
        if news := wait.news(task):
            self.log.info(news)
        return wait.answered(task, time.time())

    async def _answer(self) -> Task:
        look = asyncio.ensure_future(self._send())
        try:
            # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes together with the answer.
            await asyncio.wait({look}, timeout=self.look_seconds)
            if not look.done():
                raise AnswerLostError(f"No whole answer within {self.look_seconds:g} s")
            return look.result()
        finally:
            look.cancel()

    async def _send(self) -> Task:
        if self._client is None:
            self._client = await LemonDataHook(self.lemondata_conn_id).get_async_conn()
        return await self._client.send_once(calls.get_task(self.poll_url, self.awaited))

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # what was seen counts, not how the connection closed
                await client.close()
