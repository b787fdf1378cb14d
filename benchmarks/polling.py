"""How late ends are noticed with many tasks at a time, and what the waiting costs the triggerer."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from benchmarks.polling_parts import costs, live
from benchmarks.polling_parts.scenarios import Scenario, burst, steady
from benchmarks.polling_parts.server import serving
from benchmarks.polling_parts.service import FALSE_PROGRESS, NONE, TRUTHFUL
from benchmarks.polling_parts.simulation import Outcome, simulate
from benchmarks.report import Report
from harness import processes

T = TypeVar("T")

MAX_CPU, MAX_LOOP_LAG_MS, MAX_WAIT_KB = 2, 10, 10  # CPU: times a bare GET
MAX_WRITES = 2  # of progress, a second
MAX_SIMULATION_ERROR = 0.1  # seconds, or this share of the mean lag
SEEDS = range(1, 6)  # the mean of one run varies by 5 %

BURST = burst(200)
CASES: tuple[tuple[Scenario, str, float | None], ...] = (
    (BURST, NONE, 3.7),
    (BURST, TRUTHFUL, 0.8),
    *((BURST, progress, 3.7) for progress in FALSE_PROGRESS),
    (burst(1000), NONE, None),
    (burst(1000), TRUTHFUL, None),
    (steady(500), NONE, 21.5),
    (steady(500), TRUTHFUL, None),
)
NOTE = f"""\
1,000 requests in 60 s, creates included. Generations: log-normal, median 90 s, sigma 0.5.
Lag: seconds from the end of a generation to its detection, mean of {len(SEEDS)} runs, simulated.
Real and simulated: the same seeds; generations up to {live.COUNTED:g} s.
Bare GET: with a shared httpx client, and json(), at the same pace."""


def in_new_process(measure: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_run, measure, *arguments).result()


def _run(measure: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    return asyncio.run(measure(*arguments))


def add_costs(report: Report, url: str) -> None:
    ours, bare = in_new_process(costs.cpu, url)
    report.add("CPU per poll, ms", ours)
    report.add("  times a bare GET", ours / bare, MAX_CPU)
    report.add("event loop late at 1,000 polls a minute, p99, ms", in_new_process(costs.loop_lag, url), MAX_LOOP_LAG_MS)
    kilobytes, broken = in_new_process(costs.memory, url)
    report.add(f"memory per wait of {costs.PARKED:,}, KB", kilobytes, MAX_WAIT_KB)
    report.add("  of them ended too early", broken, 0, 0)


def add_lags(report: Report) -> int:
    """Add the simulated cases, and return their number of 429s."""
    refused = 0
    for scenario, progress, bound in CASES:
        outcomes = [simulate(scenario, progress, seed) for seed in SEEDS]
        refused += sum(outcome.refused for outcome in outcomes)
        report.add(f"{scenario.name}, progress: {progress}, lag", fmean(outcome.mean for outcome in outcomes), bound)
    return refused


def add_comparison(report: Report, progress: str, real: list[Outcome]) -> None:
    """Compare the lag of a burst in real time with the simulated one."""
    simulated = [simulate(BURST, progress, seed).lags for seed in SEEDS]
    expected = fmean(lags[number] for run, lags in zip(real, simulated, strict=True) for number in run.lags)
    mean = fmean(outcome.mean for outcome in real)
    report.add(f"{BURST.name}, progress: {progress}, lag, real", mean)
    report.add("  simulated", expected)
    report.add("  difference", abs(mean - expected), MAX_SIMULATION_ERROR * max(expected, 1.0))


def main() -> int:
    for variable in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[variable]
    report = Report("Many tasks at a time", NOTE)
    with processes.exit_on_termination(), TemporaryDirectory() as home, serving() as url:
        os.environ.update(AIRFLOW_HOME=home, AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR")
        add_costs(report, url)
        runs = [(name, seed) for name in (NONE, TRUTHFUL) for seed in SEEDS]
        real, writes = in_new_process(live.bursts, url, 200, runs)
    report.section()
    refused = add_lags(report)
    report.section()
    add_comparison(report, NONE, real[: len(SEEDS)])
    add_comparison(report, TRUTHFUL, real[len(SEEDS) :])
    report.section()
    report.add(f"{200 * len(runs):,} waits, writes of progress a second", writes, MAX_WRITES)
    report.add("429s, simulated and real", refused + sum(outcome.refused for outcome in real), 0, 0)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
