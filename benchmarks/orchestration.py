"""What orchestration costs: two clips, one after the other, by the HTTP provider and in the two ways of this one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

DAGS = Path(__file__).parent / "dags"
# What runs, what it is called, and the goal: its median against that of the first.
WAYS = {
    "stock_http": ("HTTP provider\nas documented", None),
    "stock_http_taking_along": ("HTTP provider\nURL taken along", None),
    "lemondata_sensors": ("LemonData\noperators, sensors", 0.6),
    "lemondata_waiting": ("LemonData\noperators that wait", 0.4),
}
TURNS = 5
CLIPS = 2
CLIP_SECONDS = 10.0

Span = tuple[float, float]


@dataclass(frozen=True)
class Run:
    """One run of a DAG; times are Unix seconds.

    :param state: how it ended.
    :param span: from its start to its end, as Airflow's API tells them.
    :param processes: when a task process ran: from "running" to the event that followed.
    :param clips: when a clip was generated, as the sandbox tells it.
    :param noticed: when each clip was first asked for after its end.
    :param requests: how many the service got.
    :param mismatches: tasks that Airflow itself failed, see apache/airflow#67287; they were retried.
    """

    state: str
    span: Span
    processes: list[Span]
    clips: list[Span]
    noticed: list[float]
    requests: int
    mismatches: int

    @property
    def beyond(self) -> float:
        return length(self.span) - CLIPS * CLIP_SECONDS

    @property
    def noticing(self) -> float:
        return sum(noticed - end for noticed, (_, end) in zip(self.noticed, self.clips, strict=True))

    @property
    def working(self) -> float:
        """Seconds in task processes, without what is generation or noticing already."""
        told = [(start, noticed) for noticed, (start, _) in zip(self.noticed, self.clips, strict=True)]
        return sum(length(process) - sum(overlap(process, span) for span in told) for process in self.processes)

    @property
    def waiting(self) -> float:
        return self.beyond - self.noticing - self.working


def length(span: Span) -> float:
    return span[1] - span[0]


def overlap(one: Span, other: Span) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def processes(events: list[dict[str, Any]]) -> list[Span]:
    """Pair every "running" with the event that followed: never do two tasks of these DAGs run at once."""
    told = [(event["event"], seconds(event["when"])) for event in events if event["task_id"]]
    return [(start, end) for (event, start), (_, end) in pairwise(told) if event == "running"]


def perform(airflow: LocalAirflow, sandbox: Sandbox, dag: str) -> Run:
    """Run a DAG once, and collect what Airflow and the sandbox tell of it."""
    sandbox.reset()
    run_id = airflow.trigger(dag)
    state = airflow.wait_for_run(dag, run_id, timeout=300)
    run = airflow.api("GET", f"/dags/{dag}/dagRuns/{run_id}")
    events = airflow.api("GET", "/eventLogs", dag_id=dag, run_id=run_id, order_by="when", limit=100)["event_logs"]
    calls = [call.time for call in sandbox.ledger.calls]
    clips = [(create.time, create.time + CLIP_SECONDS) for create in sandbox.ledger.creates]
    return Run(
        state=state,
        span=(seconds(run["start_date"]), seconds(run["end_date"])),
        processes=processes(events),
        clips=clips,
        noticed=[min((call for call in calls if call >= end), default=end) for _, end in clips],
        requests=len(calls),
        mismatches=sum(event["event"] == "state mismatch" for event in events),
    )


def in_turns(airflow: LocalAirflow, sandbox: Sandbox) -> dict[str, list[Run]]:
    for dag in WAYS:  # the first of everything is slow: compiled files, the triggerer's first connection
        perform(airflow, sandbox, dag)
    runs: dict[str, list[Run]] = {dag: [] for dag in WAYS}
    for _ in range(TURNS):
        for dag in WAYS:
            runs[dag].append(perform(airflow, sandbox, dag))
    return runs


def verdicts(medians: Sequence[float]) -> list[str]:
    """Say how each median relates to the first, and whether that meets the goal."""
    said = []
    for value, (_, goal) in zip(medians, WAYS.values(), strict=True):
        ratio = value / medians[0]
        verdict = "" if goal is None else f" (≤ {goal}: {'met' if ratio <= goal else 'missed'})"
        said.append(f"{ratio:.2f}{verdict}")
    return said


def table_of(runs: dict[str, list[Run]]) -> Table:
    successful = [[run for run in of_way if run.state == "success"] for of_way in runs.values()]

    def row(value: Callable[[Run], float], summary: Callable[[list[float]], float] = median) -> list[str]:
        return [f"{summary([value(run) for run in of_way]):.1f}" for of_way in successful]

    def total(value: Callable[[Run], int]) -> list[str]:
        return [str(sum(value(run) for run in of_way)) for of_way in runs.values()]

    table = Table(
        "seconds beyond the generation",
        title=f"Generate → upscale, {CLIP_SECONDS:g} s each, polled every 5 s: {TURNS} runs each, in turns",
        title_justify="left",
        caption="A run lasts from start_date to end_date of Airflow's API; below the ratio: medians, or sums where "
        "it says all. A task that Airflow failed by itself was retried after 1 s.",
        caption_justify="left",
    )
    for heading, _ in WAYS.values():
        table.add_column(heading, justify="right")
    table.add_row("median", *row(lambda run: run.beyond))
    table.add_row("min", *row(lambda run: run.beyond, min))
    table.add_row("max", *row(lambda run: run.beyond, max))
    table.add_row("ratio (goal)", *verdicts([median(run.beyond for run in of_way) for of_way in successful]))
    table.add_section()
    table.add_row("  until an ended clip is noticed", *row(lambda run: run.noticing))
    table.add_row("  in task processes", *row(lambda run: run.working))
    table.add_row("  scheduler, executor, triggerer", *row(lambda run: run.waiting))
    table.add_section()
    table.add_row("requests to the service", *row(lambda run: run.requests))
    table.add_row("task starts", *row(lambda run: len(run.processes)))
    table.add_row(f"clips paid for, all runs (of {CLIPS * TURNS})", *total(lambda run: len(run.clips)))
    table.add_row("tasks failed by Airflow itself, all runs", *total(lambda run: run.mismatches))
    table.add_row("failed runs, all", *total(lambda run: run.state != "success"))
    return table


def main() -> None:
    with (
        TemporaryDirectory() as home,
        Sandbox(Settings(generation_seconds=CLIP_SECONDS)) as sandbox,
        LocalAirflow(home=Path(home), dags=DAGS, environment=connections(sandbox)) as airflow,
    ):
        table = table_of(in_turns(airflow, sandbox))
    Console(width=120).print(table)


def connections(sandbox: Sandbox) -> dict[str, str]:
    http = {"conn_type": "http", "host": sandbox.url, "extra": {"Authorization": f"Bearer {sandbox.api_key}"}}
    return {
        "AIRFLOW_CONN_LEMONDATA_DEFAULT": sandbox.connection_uri,
        "AIRFLOW_CONN_LEMONDATA_HTTP": json.dumps(http),
    }


if __name__ == "__main__":
    main()
