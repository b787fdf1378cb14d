"""Processes that can be found and ended to the last one, however they were forked, however their starter died."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

MARK = "LOCAL_AIRFLOW"
"""The environment variable whose value all processes of one run share: children and orphans inherit it."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StillRunningError(RuntimeError):
    """Processes outlived even SIGKILL."""


def spawn(command: list[str], *, mark: str, environment: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that a Ctrl-C at the terminal is ours to pass on."""
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            cwd=output.parent,
            # SPT_NOENV: setproctitle would write the new title over the environment and so over the mark.
            env={**environment, MARK: mark, "SPT_NOENV": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def send(processes: Iterable[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    """Send a signal to the process groups of what ``spawn`` started."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def marked(mark: str) -> list[psutil.Process]:
    """Find every living process that carries the mark, except this one."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _carries(process, mark)]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        environment: dict[str, str] = process.environ()
    except (psutil.Error, OSError):  # gone, a zombie or another user's
        return False
    return environment.get(MARK) == mark


def end(mark: str, processes: Iterable[subprocess.Popen[bytes]] = (), *, patience: float = 6.0) -> None:
    """End all that carries the mark: TERM, up to ``patience`` seconds, KILL. Raises ``StillRunningError``.

    Airflow needs up to 5 s to end in order; now and then its triggerer waits 10 s for a child that is long gone.
    """
    processes = list(processes)
    send(processes, signal.SIGTERM)
    for process in [] if processes else marked(mark):  # a crashed run left no group to send it to
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _wait_for_end(mark, processes, patience)
    for process in marked(mark):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if left := _wait_for_end(mark, processes, patience):
        raise StillRunningError(f"Still running after SIGKILL: {', '.join(map(str, left))}")


def _wait_for_end(mark: str, processes: Iterable[subprocess.Popen[bytes]], patience: float) -> list[psutil.Process]:
    deadline = time.monotonic() + patience
    while True:
        left = marked(mark)
        dying = [process for process in processes if process.poll() is None]  # without a mark, and not reaped yet
        if not (left or dying) or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def free_port() -> int:
    """Find a TCP port of 127.0.0.1 that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def exit_on_termination() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack as Ctrl-C does: each block can end the processes that it started."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    default = [number for number in SIGNALS[1:] if signal.getsignal(number) is signal.SIG_DFL]
    with _handled(default, leave):  # a handler that the caller has set stays
        yield


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Ignore Ctrl-C and termination: for cleaning up, which an impatient second Ctrl-C must not cut short."""
    with _handled(SIGNALS, signal.SIG_IGN):
        yield


@contextmanager
def _handled(
    numbers: Iterable[signal.Signals],
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # Python allows handlers in the main thread only
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
