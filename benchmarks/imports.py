"""What importing operator, sensor and trigger costs a process that has imported airflow.sdk."""

import sys

from benchmarks.report import PROCESSES, Report, in_new_processes

MAX_MS = 30

# Every Airflow process has airflow.sdk; all other modules of Airflow that the provider needs count as its own cost.
CODE = """
import sys, time
import airflow.sdk
already = len(sys.modules)
start = time.perf_counter()
import lemondata_provider.operators.video, lemondata_provider.sensors.task, lemondata_provider.triggers.task
print((time.perf_counter() - start) * 1000, len(sys.modules) - already)
"""


def main() -> int:
    report = Report("Importing operator, sensor and trigger", f"After airflow.sdk; medians of {PROCESSES} processes.")
    milliseconds, loaded = in_new_processes(CODE)
    report.add("ms", milliseconds, MAX_MS, 1)
    report.add("modules loaded", loaded, digits=0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
