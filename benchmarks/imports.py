"""What importing costs: operator, sensor and trigger of this provider against those of the OpenAI provider."""

import os
import subprocess
import sys
from importlib.metadata import version
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

OURS = (
    "lemondata_provider.operators.video",
    "lemondata_provider.sensors.task",
    "lemondata_provider.triggers.task",
)
THEIRS = (
    "airflow.providers.openai.operators.openai",
    "airflow.providers.openai.triggers.openai",
    "airflow.providers.openai.hooks.openai",
)
TURNS = 9
GOAL_MS = 30
SHOWN = 6
BEGIN = "-- from here on it is the provider --"

# Every Airflow process has airflow.sdk; whatever else of Airflow a provider needs first is counted as its own cost.
CHILD = f"""
import importlib, sys, time
import airflow.sdk
already = len(sys.modules)
print("{BEGIN}", file=sys.stderr, flush=True)
start = time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
print((time.perf_counter() - start) * 1000, len(sys.modules) - already)
"""


def run_child(home: str, modules: tuple[str, ...], *options: str) -> subprocess.CompletedProcess[str]:
    # -I: the installed package, not the source tree around us, and compiled files as in any installation.
    return subprocess.run(
        [sys.executable, "-I", *options, "-c", CHILD, *modules],
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": home},
        check=True,
        capture_output=True,
        text=True,
    )


def measure(home: str, modules: tuple[str, ...]) -> tuple[float, int]:
    """Return the milliseconds that the imports took, and how many modules they loaded."""
    milliseconds, loaded = run_child(home, modules).stdout.split()
    return float(milliseconds), int(loaded)


def most_expensive(home: str) -> list[tuple[float, str]]:
    """Return our most expensive modules, with the milliseconds that each spent on itself."""
    report = run_child(home, OURS, "-X", "importtime").stderr.partition(BEGIN)[2]
    rows = [line.removeprefix("import time:").split("|") for line in report.splitlines() if "|" in line]
    return sorted(((int(own) / 1000, name.strip()) for own, _, name in rows), reverse=True)[:SHOWN]


def in_turns(home: str) -> dict[tuple[str, ...], list[tuple[float, int]]]:
    for modules in (OURS, THEIRS):  # compiles what is not compiled yet
        measure(home, modules)
    measured: dict[tuple[str, ...], list[tuple[float, int]]] = {OURS: [], THEIRS: []}
    for _ in range(TURNS):
        for modules, results in measured.items():
            results.append(measure(home, modules))
    return measured


def main() -> None:
    with TemporaryDirectory() as home:
        measured = in_turns(home)
        expensive = most_expensive(home)
    ours, theirs = ([milliseconds for milliseconds, _ in results] for results in measured.values())
    table = Table(
        title=f"Importing operator, sensor and trigger after airflow.sdk: {TURNS} new processes each, in turns",
        title_justify="left",
    )
    table.add_column("ms")
    table.add_column("LemonData", justify="right")
    table.add_column(f"OpenAI {version('apache-airflow-providers-openai')}", justify="right")
    for name, of in (("median", median), ("min", min), ("max", max)):
        table.add_row(name, f"{of(ours):.1f}", f"{of(theirs):.1f}")
    verdict = "met" if median(ours) <= GOAL_MS else "missed"
    table.add_row("goal for the median", f"≤ {GOAL_MS}: {verdict}", "")
    table.add_row("modules loaded", *(str(results[0][1]) for results in measured.values()), end_section=True)
    for milliseconds, name in expensive:
        table.add_row(f"spent on {name}", f"{milliseconds:.1f}", "")
    table.caption = "Single modules: in one more process, by -X importtime, itself slower."
    table.caption_justify = "left"
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
