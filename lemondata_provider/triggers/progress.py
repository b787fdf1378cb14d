"""
What waiting tasks show of their progress: written to Airflow now and then, never at the cost of a poll or an end.

Each write is a request of the triggerer to Airflow. So one task is written on change and at most every 15 seconds, all
tasks of a triggerer one at a time and at most twice a second; of the changes until its turn, a task's newest counts.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lemondata_provider.api.redaction import redact
from lemondata_provider.api.task import Task, TaskStatus
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.progress import Progress
from lemondata_provider.videos.xcoms import write_progress

log = logging.getLogger(__name__)

TASK_SECONDS = 15.0  # between two writes of one task
TRIGGERER_SECONDS = 0.5  # between two writes of all tasks


def is_worth_writing(written: Progress | None, progress: Progress) -> bool:
    """
    Decide whether a progress is written now.

    :param written: what was written last.
    :param progress: what the last answer said.
    """
    if written is None:
        return True
    is_new = (progress.status, progress.percent) != (written.status, written.percent)
    return is_new and progress.at - written.at >= TASK_SECONDS


@dataclass(slots=True, eq=False)
class WatchedTask:
    """
    The progress of one wait.

    :param task_instance: which task instance waits.
    :param writer: writes for all waits of the event loop.
    :param written: what was written last.
    :param begun_at: Unix seconds at which the task was first seen to be under way.
    """

    task_instance: TaskInstanceKey
    writer: ProgressWriter
    written: Progress | None = None
    begun_at: float | None = None

    def on_task(self, task: Task, now: float) -> None:
        """Note an answer; the writer does the rest."""
        if task.status in (TaskStatus.COMPLETED, TaskStatus.FAILED):
            return  # the end of the wait says it
        if self.begun_at is None and (task.progress or task.status is TaskStatus.PROCESSING):
            self.begun_at = now
        progress = Progress(task.raw_status or task.status.value, now, task.progress)
        if is_worth_writing(self.written, progress):
            self.writer.put(self, progress)


class ProgressWriter:
    """
    Write the progress of all waits of one event loop.

    :param write: writes one; blocks, so it runs in a thread.
    :param sleep: how to pause.
    """

    def __init__(
        self,
        write: Callable[[TaskInstanceKey, Progress], None] = write_progress,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._write = write
        self._sleep = sleep
        self._waiting: dict[WatchedTask, Progress] = {}  # in the order of their turns
        self._writing: asyncio.Task[None] | None = None
        self._failed = False

    def put(self, task: WatchedTask, progress: Progress) -> None:
        """Write a progress when it is its turn; it replaces an older one of the same wait."""
        self._waiting[task] = progress
        if self._writing is None:
            # In a context of its own: what concerns all waits does not belong into the log of the first one.
            self._writing = contextvars.Context().run(asyncio.ensure_future, self._run())

    def drop(self, task: WatchedTask) -> None:
        """Forget a wait that has ended."""
        self._waiting.pop(task, None)

    async def _run(self) -> None:
        try:
            while self._waiting:
                task = next(iter(self._waiting))
                progress = task.written = self._waiting.pop(task)
                await self._write_one(task.task_instance, progress)
                await self._sleep(TRIGGERER_SECONDS)
        finally:
            self._writing = None

    async def _write_one(self, task_instance: TaskInstanceKey, progress: Progress) -> None:
        try:
            await asyncio.to_thread(self._write, task_instance, progress)
        except Exception as error:  # noqa: BLE001 # no wait ends over what a page shows of it
            if not self._failed:
                log.warning("Progress could not be written: %s: %s", type(error).__name__, redact(str(error)))
            self._failed = True
        else:
            self._failed = False
