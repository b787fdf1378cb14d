"""Ends task processes where they stop, or lets them go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

Piece = tuple[str, int]  # task id and map index: in one run, a piece of work


def until(done: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for a condition, up to a deadline."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {seconds:g} s")
        time.sleep(0.2)


class Killer:
    """
    Watches the barriers of some DAGs.

    :param home: AIRFLOW_HOME, where the barriers are.
    :param dag_ids: whose task processes it kills; a task id stands in one of them only.
    """

    def __init__(self, home: Path, *dag_ids: str) -> None:
        self.folder = home / "barriers"
        self.dag_ids = dag_ids
        self.killed: set[Piece] = set()

    def reached(self) -> dict[Piece, int]:
        """Return the pid of all that stand at a barrier, or stood there."""
        return {piece: int(file.read_text()) for piece, file in self._files().items()}

    def kill(self) -> None:
        """Kill all that have come to a barrier since the last time."""
        for piece, pid in self.reached().items():
            if piece not in self.killed:
                os.kill(pid, signal.SIGKILL)
                self.killed.add(piece)

    def let_go(self) -> None:
        """Let all that stand at a barrier go on."""
        for file in self._files().values():
            file.with_suffix(".go").touch()

    def _files(self) -> dict[Piece, Path]:
        found = {}
        for file in self.folder.glob("*.pid"):
            dag_id, task_id, map_index = file.stem.split(" ")
            if dag_id in self.dag_ids:
                found[task_id, int(map_index)] = file
        return found
