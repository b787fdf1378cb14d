"""Signals that must not interrupt the storing of a submit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# In the order in which they arrive: Airflow's handler of SIGTERM returns, those after it raise, or end the process.
DEFERRED_SIGNALS = (signal.SIGTERM, signal.SIGALRM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold signals and execution_timeout back until the end of the block; none is lost."""
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():  # Python handles signals there only
            for number in reversed(DEFERRED_SIGNALS):
                stack.enter_context(_deferred_signal(number))
        yield


@contextmanager
def _deferred_signal(number: signal.Signals) -> Iterator[None]:
    caught: list[int] = []
    # Not a signal mask: that is of one thread, and a process that has several gets the signal through another.
    before = signal.signal(number, lambda number, _: caught.append(number))
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL if before is None else before)
        if caught:
            signal.raise_signal(number)
