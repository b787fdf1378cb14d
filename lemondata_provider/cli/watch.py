"""``airflow lemondata watch``: wait for a task at LemonData in a terminal. It polls, and neither pays nor cancels."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.polling import Completed, Failed, PollAgain, TaskPoller, TaskWait
from lemondata_provider.api.task import identify
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.hooks.lemondata import LemonDataHook

INTERRUPTED = 130  # the exit code of a command that a person ended


def watch(
    args: Namespace,
    sleep: Callable[[float], None] = time.sleep,
    console: Console | None = None,
    new_hook: Callable[[str], LemonDataHook] = CommandLineHook,
) -> str:
    """
    Poll a task until it has ended, and say how it ended.

    :param args: ``task``, a poll URL or LemonData's id of a task, ``conn_id`` and ``poll_interval``.
    :param sleep: how to pause.
    :param console: what shows the progress. Default: standard error, as all that is no answer.
    :param new_hook: returns the hook of a connection.
    :raises SystemExit: the task failed, cannot be polled, or a person interrupted the command.
    """
    task_id, poll_url = _named(args.task)
    poller = TaskPoller(TaskWait(task_id, poll_url, args.conn_id, float("inf"), args.poll_interval))
    screen = _Screen(task_id, console or Console(stderr=True))
    try:
        with screen.shown():
            end = _poll(new_hook(args.conn_id), poller, screen, sleep)
    except LemonDataError as error:
        raise SystemExit(error.message) from None
    except KeyboardInterrupt:
        screen.say(f"Stopped watching. Task {task_id} goes on at LemonData, and is paid for.")
        raise SystemExit(INTERRUPTED) from None
    if isinstance(end, Failed):
        raise SystemExit(str(end.error))
    url = end.task.videos[0].url.partition("?")[0]  # a query may be signed
    seconds = "" if end.task.seconds is None else f" in {end.task.seconds:g} s"
    return f"Task {task_id} completed{seconds}: {url}"


def _named(task: str) -> tuple[str, str]:
    named = identify({"poll_url": task} if "/" in task else {"id": task})
    if named is None:
        raise SystemExit(f"{task!r} is neither a poll URL nor an id of a task at LemonData.")
    return named


def _poll(
    hook: LemonDataHook, poller: TaskPoller, screen: _Screen, sleep: Callable[[float], None]
) -> Completed | Failed:
    while isinstance(result := hook.poll(poller), PollAgain):
        screen.update(poller, result)
        sleep(result.delay)
    return result


class _Screen:
    """A bar on a terminal, and a line for each change elsewhere."""

    def __init__(self, task_id: str, console: Console) -> None:
        self.console = console
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console) if console.is_terminal else None
        self._row = self._bar.add_task(task_id, total=None) if self._bar else None
        self._said: str | None = None

    def shown(self) -> Any:
        """Return a context in which the bar is shown."""
        return self._bar or nullcontext()

    def update(self, poller: TaskPoller, result: PollAgain) -> None:
        """Show what the last answer said, or why there was none."""
        if result.error is not None:
            self.say(f"Polling failed, and goes on: {result.error.message}")
        task = poller.last_task
        if task is None:
            return
        status = task.raw_status or task.status.value
        if self._bar is None or self._row is None:
            percent = "" if task.progress is None else f", {task.progress:.0f} %"
            self.say(f"Task {task.id} is {status}{percent}")
        else:
            total = None if task.progress is None else 100
            self._bar.update(self._row, description=f"{task.id} {status}", completed=task.progress or 0, total=total)

    def say(self, line: str) -> None:
        """Print a line, unless it was the last one."""
        if line != self._said:
            self._said = line
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)
