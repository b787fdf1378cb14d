"""
Two thousand deferred tasks in one triggerer: from the last completion to the last success, and whose time that is.

A real Airflow with PostgreSQL, LocalExecutor and one triggerer of raised capacity. The videos are submitted to the
sandbox beforehand, without a limit; from then on it has one of 1,000 requests a minute. Airflow's workers defer every
task in the usual way, after one look each. All of them wait before the first video ends; then the videos end evenly, at
nine tenths of what the budget can follow with a submit and a look each. Resuming is Airflow's own, in its workers.

A video is noticed with the first look at it after its end, by the clock of the sandbox: right then the trigger sends
its event. What follows until the task instance is a success is Airflow's share.
"""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.orchestration import seconds
from demo.local_airflow import LocalAirflow
from demo.servers import ServerMissingError, postgres_database
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

DAG = "two_thousand_waiting"
WAITING = 2000
REQUESTS_PER_MINUTE = 1000
FIRST_END = 900.0  # seconds after the submit: Airflow starts about four tasks a second here
ENDING_SECONDS = 60 * WAITING / (0.45 * REQUESTS_PER_MINUTE)

SETTINGS = {
    "AIRFLOW__TRIGGERER__CAPACITY": str(WAITING),
    "AIRFLOW__CORE__MAX_MAP_LENGTH": str(WAITING),
    "AIRFLOW__CORE__PARALLELISM": "8",
}


@dataclass(frozen=True)
class Seen:
    """What came of it; times are Unix seconds.

    :param deferred: the most task instances that were deferred at a time.
    :param ends: when each video was generated.
    :param noticed: when each was first looked at after its end.
    :param successes: when each task instance had ended as a success.
    :param looks: when a look was answered, since all were submitted.
    :param refused: looks that were answered with a 429.
    :param failed: tries that Airflow itself failed, see apache/airflow#67287; they were retried.
    """

    deferred: int
    ends: list[float]
    noticed: list[float]
    successes: list[float]
    looks: list[float]
    refused: int
    failed: int

    @property
    def lags(self) -> list[float]:
        return [noticed - end for noticed, end in zip(self.noticed, self.ends, strict=True)]


def submit(sandbox: Sandbox) -> dict[str, float]:
    """Submit them all, and return the poll URLs with the instants at which the videos will be there."""
    first = time.time() + FIRST_END
    wanted = [first + ENDING_SECONDS * number / (WAITING - 1) for number in range(WAITING)]
    with httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.api_key}"}) as client:
        for number, end in enumerate(wanted):
            sandbox.configure(generation_seconds=end - time.time())
            body = {"model": "sora-2", "prompt": f"number {number}", "operation": "text-to-video"}
            client.post("/v1/videos/generations", json=body).raise_for_status()
    sandbox.configure(requests_per_minute=REQUESTS_PER_MINUTE)
    ids = [create.id for create in sandbox.ledger.creates]
    return dict(zip((f"/v1/tasks/{one}" for one in ids), wanted, strict=True))


def perform(airflow: LocalAirflow, sandbox: Sandbox) -> Seen:
    ends = submit(sandbox)
    run_id = airflow.trigger(DAG, conf={"poll_urls": list(ends)})
    deferred = 0

    def is_over() -> bool:
        nonlocal deferred
        deferred = max(deferred, total(airflow, f"/dags/{DAG}/dagRuns/{run_id}/taskInstances", state=["deferred"]))
        time.sleep(2)  # counting takes the API server a moment of the cores, too
        return airflow.run_state(DAG, run_id) in {"success", "failed"}

    airflow.wait_until(is_over, 3600, DAG)
    waits = [ti for ti in airflow.task_instances(DAG, run_id) if ti["task_id"] == "wait"]
    assert [ti["state"] for ti in waits] == ["success"] * WAITING
    calls = [call for call in sandbox.ledger.calls if call.kind == "poll"]
    looks = defaultdict(list)
    for call in calls:
        if call.status == httpx.codes.OK:
            looks[call.path].append(call.time)
    return Seen(
        deferred=deferred,
        ends=list(ends.values()),
        noticed=[looks[path][bisect_left(looks[path], end)] for path, end in ends.items()],
        successes=[seconds(ti["end_date"]) for ti in waits],
        looks=[call.time for call in calls if call.status == httpx.codes.OK],
        refused=sum(call.status == httpx.codes.TOO_MANY_REQUESTS for call in calls),
        failed=total(airflow, "/eventLogs", event="state mismatch"),
    )


def total(airflow: LocalAirflow, path: str, **query: Any) -> int:
    return int(airflow.api("GET", path, limit=1, **query)["total_entries"])


def most_in_a_minute(instants: Sequence[float]) -> int:
    return max(number + 1 - bisect_left(instants, instant - 60) for number, instant in enumerate(instants))


def table_of(seen: Seen) -> Table:
    after, ours = max(seen.successes) - max(seen.ends), max(seen.noticed) - max(seen.ends)
    airflows = after - ours
    table = Table(
        "",
        title=f"{WAITING} deferred tasks in one triggerer, {REQUESTS_PER_MINUTE} requests a minute",
        title_justify="left",
        caption="Noticed: first looked at after the end. Airflow's own share: from the last event of a trigger on.",
        caption_justify="left",
    )
    table.add_column("measured", justify="right")
    table.add_row("deferred at the same time", str(seen.deferred))
    table.add_row(
        "looks, all; most in 60 s; 429s", f"{len(seen.looks)}; {most_in_a_minute(seen.looks)}; {seen.refused}"
    )
    table.add_row("first to last completion", f"{max(seen.ends) - min(seen.ends):.0f} s")
    p95, longest = quantiles(seen.lags, n=20)[-1], max(seen.lags)
    table.add_row("until noticed: mean, p95, longest", f"{mean(seen.lags):.1f} s, {p95:.1f} s, {longest:.1f} s")
    table.add_section()
    table.add_row("from the last completion to the last success", f"{after:.1f} s")
    table.add_row("  until the last was noticed", f"{ours:.1f} s")
    table.add_row("  Airflow's own share", f"{airflows:.1f} s ({airflows / after:.0%})")
    table.add_section()
    pace = WAITING / (max(seen.successes) - min(seen.successes))
    table.add_row("successes a second, first to last", f"{pace:.1f}")
    table.add_row("tries that Airflow itself failed", str(seen.failed))
    return table


def main() -> None:
    try:
        with postgres_database() as database, TemporaryDirectory() as home, Sandbox(Settings()) as sandbox:
            environment = {
                **SETTINGS,
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
                "AIRFLOW_CONN_LEMONDATA_DEFAULT": sandbox.connection_uri,
            }
            dags = Path(__file__).parent / "triggerer_dags"
            with LocalAirflow(home=Path(home), dags=dags, environment=environment) as airflow:
                table = table_of(perform(airflow, sandbox))
    except ServerMissingError as error:
        print(f"Left out. {error}")
    else:
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
