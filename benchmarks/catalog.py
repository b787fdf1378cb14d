"""What knowing the models costs: importing the catalog, reading its data, and checking a request."""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from timeit import repeat

from rich.console import Console
from rich.table import Table

from lemondata_provider.catalog import load
from lemondata_provider.catalog.checks import check

REQUESTS = Path(__file__).parents[1] / "tests" / "catalog" / "guide" / "requests.json"
TURNS = 15
IMPORT_GOAL_MS = 10
CHECK_GOAL_MS = 0.1
CHECKS = 1000
BARE, AIRFLOW = "bare", "airflow.sdk"

CHILD = """
import importlib, sys, time
if sys.argv[1] != "bare":
    importlib.import_module(sys.argv[1])
    from airflow.sdk import BaseOperator
start = time.perf_counter()
import lemondata_provider.catalog, lemondata_provider.catalog.checks
imported = time.perf_counter()
lemondata_provider.catalog.load()
print((imported - start) * 1000, (time.perf_counter() - imported) * 1000)
"""


def import_and_load(home: str, before: str) -> tuple[float, float]:
    """Return the milliseconds that importing and reading took in a new process that had imported something before."""
    # -I: the installed package, not the source tree around us, and compiled files as in any installation.
    answer = subprocess.run(
        [sys.executable, "-I", "-c", CHILD, before],
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": home},
        check=True,
        capture_output=True,
        text=True,
    )
    imported, loaded = answer.stdout.split()
    return float(imported), float(loaded)


def in_turns(home: str) -> dict[str, list[tuple[float, float]]]:
    measured: dict[str, list[tuple[float, float]]] = {BARE: [], AIRFLOW: []}
    for before in measured:  # compiles what is not compiled yet
        import_and_load(home, before)
    for turn in range(TURNS):
        for before, results in measured.items():
            if before == BARE or turn % 3 == 0:  # importing Airflow takes its time
                results.append(import_and_load(home, before))
    return measured


def milliseconds_per_check(fields: dict) -> float:
    catalog = load()
    return min(repeat(lambda: check(fields, catalog), number=CHECKS, repeat=5)) / CHECKS * 1000


def checked() -> dict[str, float]:
    """Return the milliseconds of a check for each example of the guide, and for requests that take longer."""
    examples = json.loads(REQUESTS.read_text())["requests"]
    first, second = examples[:2]
    cases = {f"{example['operation']}, of the guide": example for example in examples}
    cases["a model that is not known"] = {**first, "model": "sora2"}
    cases["a model that cannot do it"] = {**first, "model": "viduq2-turbo"}
    cases["an image of 20 MB inline"] = {
        **second,
        "image_url": f"data:image/png;base64,{'A' * (20 * 1024 * 1024 // 3 * 4)}",
    }
    return {name: milliseconds_per_check(fields) for name, fields in cases.items()}


def verdict(value: float, goal: float) -> str:
    return f"≤ {goal}: {'met' if value <= goal else 'missed'}"


def main() -> None:
    with TemporaryDirectory() as home:
        measured = in_turns(home)
    table = Table(title=f"The catalog: {TURNS} new processes, {CHECKS} checks of each request", title_justify="left")
    for name, options in (("ms", {}), ("measured", {"justify": "right"}), ("goal", {})):
        table.add_column(name, **options)
    for before, results in measured.items():
        imports, loads = zip(*results, strict=True)
        table.add_row(
            f"import, {before} interpreter before", f"{median(imports):.1f}", verdict(median(imports), IMPORT_GOAL_MS)
        )
        table.add_row("the first load() then", f"{median(loads):.1f}", "", end_section=True)
    for name, milliseconds in checked().items():
        table.add_row(f"check: {name}", f"{milliseconds:.3f}", verdict(milliseconds, CHECK_GOAL_MS))
    table.caption = (
        "Imports: medians, beyond what the interpreter had loaded before. Checks: the best of 5 rounds; the nearest\n"
        "name to one that is not known is looked for once in a process, and that first check takes longer."
    )
    table.caption_justify = "left"
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
