"""The real operator and sensor, which stop once at a named point until the test kills them or lets them go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from crash_cells import (
    AFTER_COMMIT,
    AFTER_INTENT,
    AFTER_STORE,
    BEFORE_COMMIT,
    BEFORE_INTENT,
    BEFORE_STORE,
    DOWNLOADING,
    RESUMING,
    WAITING,
)

from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.results.local import LocalSink, LocalTarget
from lemondata_provider.results.target import OutputSink
from lemondata_provider.sensors.task import TaskSensor

DEADLINE = 150.0


def stop_once(name: str) -> None:
    """Say which process stands here, and stand until it is killed or let go; later tries pass."""
    folder = Path(os.environ["AIRFLOW_HOME"]) / "barriers"
    folder.mkdir(exist_ok=True)
    if (folder / f"{name}.pid").exists():
        return
    draft = folder / f"{name}.draft"
    draft.write_text(str(os.getpid()))
    draft.rename(folder / f"{name}.pid")  # at once: the killer never reads half a number
    deadline = time.monotonic() + DEADLINE
    while not (folder / f"{name}.go").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} was neither killed nor let go in {DEADLINE:g} s")
        time.sleep(0.05)


class StoppingHook(LemonDataHook):
    """Stops around the POST, and before the polls."""

    def __init__(self, lemondata_conn_id: str, reached: Callable[[str], None]) -> None:
        super().__init__(lemondata_conn_id)
        self.reached = reached
        self.polls = 0

    def get_conn(self) -> Any:
        client = super().get_conn()
        send_once = client.send_once

        def stopping(call: Any) -> Any:
            if call.method != "POST":
                return send_once(call)
            self.reached(AFTER_INTENT)
            answer = send_once(call)
            self.reached(BEFORE_STORE)
            return answer

        client.send_once = stopping
        return client

    def poll(self, wait: Any) -> Any:
        self.polls += 1
        self.reached(AFTER_STORE if self.polls == 1 else WAITING)
        return super().poll(wait)


class StoppingSink(LocalSink):
    """Stops on the way of a video to its file."""

    def __init__(self, target: LocalTarget, exclusive: bool, reached: Callable[[str], None]) -> None:
        super().__init__(target, exclusive)
        self.reached = reached

    def write(self, block: bytes) -> None:
        super().write(block)
        self.reached(DOWNLOADING)

    def commit(self) -> None:
        self.reached(BEFORE_COMMIT)
        super().commit()
        self.reached(AFTER_COMMIT)


class StoppingTarget(LocalTarget):
    """A file whose sinks stop; its sidecar is another target."""

    reached: Callable[[str], None]

    def sink(self, exclusive: bool) -> OutputSink:
        return StoppingSink(self, exclusive, self.reached)


class Stopping:
    """Stops at one point, in the first try that comes to it: Airflow itself may lose a try on resuming."""

    stop_at: str

    @cached_property
    def hook(self) -> LemonDataHook:
        return StoppingHook(self.lemondata_conn_id, self.reached)

    def new_target(self, path: str) -> StoppingTarget:
        target = StoppingTarget(path, path)
        target.reached = self.reached
        return target

    def reached(self, point: str) -> None:
        if point == self.stop_at:
            stop_once(f"{self.instance.dag_id} {self.instance.task_id} {self.instance.map_index}")

    def execute(self, context: Any) -> Any:
        self.instance = context["ti"]
        self.reached(BEFORE_INTENT)
        return super().execute(context)

    def defer(self, **arguments: Any) -> Any:
        self.reached(AFTER_STORE)
        return super().defer(**arguments)

    def execute_complete(self, context: Any, event: Any, **arguments: Any) -> Any:
        self.instance = context["ti"]
        self.reached(RESUMING)
        return super().execute_complete(context, event, **arguments)


class StoppingSubmit(Stopping, SubmitVideoOperator):
    """Submits a video as the real operator does."""

    def __init__(self, *, stop_at: str, **kwargs: Any) -> None:  # here: Airflow wants one in a class of its own kind
        super().__init__(**kwargs)
        self.stop_at = stop_at


class StoppingSensor(Stopping, TaskSensor):
    """Waits for a task as the real sensor does."""

    def __init__(self, *, stop_at: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stop_at = stop_at

    def poke(self, context: Any) -> Any:
        self.reached(WAITING)
        return super().poke(context)
