"""How long the five tests of the docs' sample project take, from the start of pytest to its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.report import Report

PROJECT = Path(__file__).parents[1] / "docs/examples/sample_project"
TURNS = 3
MAX_SECONDS = 10


def run(home: str) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT, env={**environment, "AIRFLOW_HOME": home}, check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    assert "5 passed" in done.stdout, done.stdout
    return seconds


def main() -> int:
    report = Report("The tests of the sample project", f"Median of {TURNS} runs, each with a new Airflow home.")
    with TemporaryDirectory() as folder:
        report.add("seconds", median(run(f"{folder}/{turn}") for turn in range(TURNS)), MAX_SECONDS, 1)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
