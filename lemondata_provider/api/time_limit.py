"""A limit on the whole time of a blocking function, which no socket option gives."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

T = TypeVar("T")


class OutOfTimeError(Exception):
    """A function took too long."""


def run_within(seconds: float, function: Callable[[], T]) -> T:
    """
    Run a function in a thread of its own, and leave it alone there if it takes too long.

    A server that sends a byte a second keeps every read timeout, and a name server that is silent has none.

    :raises OutOfTimeError: after these seconds.
    """
    future: futures.Future[T] = futures.Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(function))
        except BaseException as error:  # noqa: BLE001 # it rises in the caller's thread
            future.set_exception(error)

    # A daemon: a process must be able to end before the server does.
    threading.Thread(target=run, name="lemondata-request", daemon=True).start()
    try:
        return future.result(seconds)
    except futures.TimeoutError:
        raise OutOfTimeError from None
