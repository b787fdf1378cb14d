"""Signals of Airflow that must not interrupt the storing of a submit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

DEFERRED_SIGNALS = (signal.SIGTERM, signal.SIGALRM)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold SIGTERM and execution_timeout back until the end of the block; they are not lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    caught: list[int] = []
    # Not a signal mask: that is of one thread, and a process that has several gets the signal through another.
    before = {number: signal.signal(number, lambda number, _: caught.append(number)) for number in DEFERRED_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for number in DEFERRED_SIGNALS:  # the one whose handler raises is the last
            if number in caught:
                signal.raise_signal(number)
