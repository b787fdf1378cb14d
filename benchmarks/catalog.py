"""What the catalog costs a DAG file: importing it, reading its data, and checking a request."""

import json
import sys
from pathlib import Path
from timeit import repeat
from typing import Any

from benchmarks.report import PROCESSES, Report, in_new_processes
from lemondata_provider.catalog import load
from lemondata_provider.catalog.checks import check

REQUESTS = Path(__file__).parents[1] / "tests" / "catalog" / "guide" / "requests.json"
CHECKS = 1000
MAX_IMPORT_MS = 10
MAX_CHECK_MS = 0.2

CODE = """
import time
from airflow.sdk import BaseOperator
start = time.perf_counter()
import lemondata_provider.catalog, lemondata_provider.catalog.checks
imported = time.perf_counter()
lemondata_provider.catalog.load()
print((imported - start) * 1000, (time.perf_counter() - imported) * 1000)
"""


def milliseconds_per_check(fields: dict[str, Any]) -> float:
    catalog = load()
    return min(repeat(lambda: check(fields, catalog), number=CHECKS, repeat=5)) / CHECKS * 1000


def requests() -> dict[str, dict[str, Any]]:
    """Return the examples of LemonData's guide, and requests whose check takes longer."""
    examples = json.loads(REQUESTS.read_text())["requests"]
    first, second = examples[:2]
    image = f"data:image/png;base64,{'A' * (20 * 1024 * 1024 // 3 * 4)}"
    return {
        **{f"{example['operation']}, of the guide": example for example in examples},
        "an unknown model": {**first, "model": "sora2"},
        "a model without the operation": {**first, "model": "viduq2-turbo"},
        "an image of 20 MB inline": {**second, "image_url": image},
    }


def main() -> int:
    report = Report("The catalog, ms", f"Import: after airflow.sdk; medians of {PROCESSES} processes.")
    imported, loaded = in_new_processes(CODE)
    report.add("import", imported, MAX_IMPORT_MS, 1)
    report.add("first load()", loaded, digits=1)
    report.section()
    for name, fields in requests().items():
        report.add(f"check: {name}", milliseconds_per_check(fields), MAX_CHECK_MS, 3)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
