"""What the benchmarks share: measuring in new processes, and a table of measurements with their bounds."""

import os
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

PROCESSES = 9


def in_new_processes(code: str) -> list[float]:
    """Run code in new processes, and return the median of each number that it prints."""
    with TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": home}
        outputs = [
            subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE).stdout
            for _ in range(PROCESSES + 1)
        ]
    # The first process compiles what is not compiled yet.
    return [median(values) for values in zip(*(map(float, output.split()) for output in outputs[1:]), strict=True)]


class Report:
    """Collect measurements, print them as one table with a note below it, and check their bounds."""

    def __init__(self, title: str, note: str) -> None:
        self._table = Table(title=title, title_justify="left", caption=note, caption_justify="left")
        self._table.add_column("")
        for column in ("measured", "bound", "kept"):
            self._table.add_column(column, justify="right")
        self._missed = 0

    def add(self, what: str, value: float, bound: float | None = None, digits: int = 2) -> None:
        """Add a row; a value above its bound is a miss."""
        missed = bound is not None and value > bound
        self._missed += missed
        judged = [] if bound is None else [f"≤ {bound:.4g}", "NO" if missed else "yes"]
        self._table.add_row(what, f"{value:,.{digits}f}", *judged)

    def section(self) -> None:
        """Draw a line."""
        self._table.add_section()

    def finish(self) -> int:
        """Print the table, and return the exit code: 1 if a bound was missed."""
        Console(width=100).print(self._table)
        return 1 if self._missed else 0
