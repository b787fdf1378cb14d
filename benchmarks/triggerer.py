"""
Two thousand deferred tasks in one triggerer: from the last completion to the last success, and whose time that is.

A real Airflow with PostgreSQL, LocalExecutor and one triggerer of raised capacity. The videos are submitted to the
sandbox beforehand, without a limit; from then on it has one of 1,000 requests a minute. A worker defers the first task
in the usual way. That would take it ten minutes and more for all of them, so the others get copies of what it leaves in
the database, each with its own video: what the triggerer then sees is what it sees after a restart. The videos end
evenly, at nine tenths of the pace that the budget can follow with a submit and a poll each. Noticing them is the
triggerer's, and resuming is Airflow's own, in its scheduler and workers.

A video is noticed with the first poll it after its end, by the clock of the sandbox: right then the trigger sends
its event. What follows until the task instance is a success is Airflow's share.
"""

import json
import shutil
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.orchestration import seconds
from harness.local_airflow import LocalAirflow
from harness.servers import ServerMissingError, postgres_database
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

DAG_FILE = Path(__file__).parent / "triggerer_dags/waiting.py"
DAGS, SIZE = 20, 100
WAITING = 1 + DAGS * SIZE
REQUESTS_PER_MINUTE = 1000
FIRST_END = 360.0  # seconds after the submit: all have to wait before the first video ends
ENDING_SECONDS = 60 * WAITING / (0.45 * REQUESTS_PER_MINUTE)

SETTINGS = {
    "AIRFLOW__TRIGGERER__CAPACITY": str(WAITING),
    "AIRFLOW__CORE__PARALLELISM": "8",
}


@dataclass(frozen=True)
class Seen:
    """What came of it; times are Unix seconds.

    :param ends: when each video was generated.
    :param noticed: when each was first polled after its end.
    :param waited: how many had been polled before their end, and so waited in the triggerer.
    :param successes: when each task instance had ended as a success.
    :param polls: when a poll was answered.
    :param refused: polls that were answered with a 429.
    :param failed: tries that Airflow itself failed, see apache/airflow#67287; they were retried.
    """

    ends: list[float]
    noticed: list[float]
    waited: int
    successes: list[float]
    polls: list[float]
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


def perform(airflow: LocalAirflow, database: str, poll_urls: Sequence[str]) -> None:
    """Let all task instances wait and come to their ends."""
    airflow.trigger("first")
    airflow.wait_until(lambda: count(airflow, "dags/first/dagRuns/~/taskInstances", "deferred") == 1, 60, "Deferring")
    others = [f"others_{number:02}" for number in range(DAGS)]
    for dag_id in others:
        airflow.api("POST", f"/dags/{dag_id}/dagRuns", logical_date=None)  # they are paused
    copy_deferral(database, poll_urls)
    for dag_id in others:
        airflow.unpause(dag_id)
    airflow.wait_until(lambda: count(airflow, "dags/~/dagRuns", "queued", "running") == 0, 3600, "All runs")


def count(airflow: LocalAirflow, path: str, *states: str) -> int:
    return int(airflow.api("GET", f"/{path}", state=states, limit=1)["total_entries"])


def copy_deferral(url: str, poll_urls: Sequence[str]) -> None:
    """Defer all other task instances as the first one is, each with the task that it is to wait for."""
    import psycopg2  # noqa: PLC0415 # ``postgres_database`` has said what to do where it is missing

    with psycopg2.connect(urlsplit(url)._replace(scheme="postgresql").geturl()) as database:
        cursor = database.cursor()
        cursor.execute("SELECT kwargs FROM trigger")
        ((kwargs,),) = cursor.fetchall()
        cursor.execute("SELECT id, dag_id, map_index FROM task_instance WHERE trigger_id IS NULL")
        for instance, dag_id, map_index in cursor.fetchall():
            poll_url = poll_urls[1 + SIZE * int(dag_id[-2:]) + map_index]
            own = {**json.loads(kwargs), "poll_url": poll_url, "task_id": poll_url.rpartition("/")[2]}
            cursor.execute(
                "INSERT INTO trigger (classpath, kwargs, created_date) SELECT classpath, %s, created_date FROM trigger "
                "ORDER BY id LIMIT 1 RETURNING id",
                [json.dumps(own)],
            )
            cursor.execute(
                "UPDATE task_instance SET (state, try_number, start_date, next_method, next_kwargs, trigger_id) = "
                "(SELECT state, try_number, start_date, next_method, next_kwargs, %s FROM task_instance "
                "WHERE dag_id = 'first') WHERE id = %s",
                [cursor.fetchone()[0], instance],
            )


def evidence(airflow: LocalAirflow, sandbox: Sandbox, ends: dict[str, float]) -> Seen:
    """Read from Airflow and from the sandbox what came of it."""
    waits = airflow.task_instances("~", "~")
    assert [ti["state"] for ti in waits] == ["success"] * WAITING
    polls = [call for call in sandbox.ledger.calls if call.kind == "poll"]
    answered = [call for call in polls if call.status == httpx.codes.OK]
    polls = defaultdict(list)
    for call in answered:
        polls[call.path].append(call.time)
    return Seen(
        ends=list(ends.values()),
        noticed=[polls[path][bisect_left(polls[path], end)] for path, end in ends.items()],
        waited=sum(polls[path][0] < end for path, end in ends.items()),
        successes=[seconds(ti["end_date"]) for ti in waits],
        polls=[call.time for call in answered],
        refused=sum(call.status == httpx.codes.TOO_MANY_REQUESTS for call in polls),
        failed=int(airflow.api("GET", "/eventLogs", event="state mismatch", limit=1)["total_entries"]),
    )


def most_in_a_minute(instants: Sequence[float]) -> int:
    return max(number + 1 - bisect_left(instants, instant - 60) for number, instant in enumerate(instants))


def table_of(seen: Seen) -> Table:
    after, ours = max(seen.successes) - max(seen.ends), max(seen.noticed) - max(seen.ends)
    table = Table(
        "",
        title=f"{WAITING} deferred tasks in one triggerer, {REQUESTS_PER_MINUTE} requests a minute",
        title_justify="left",
        caption="Noticed: first polled after the end.",
        caption_justify="left",
    )
    table.add_column("measured", justify="right")
    table.add_row("polled before their end", str(seen.waited))
    table.add_row(
        "polls: all, most in 60 s, 429s", f"{len(seen.polls)}, {most_in_a_minute(seen.polls)}, {seen.refused}"
    )
    table.add_row("first to last completion", f"{max(seen.ends) - min(seen.ends):.0f} s")
    p95, longest = quantiles(seen.lags, n=20)[-1], max(seen.lags)
    table.add_row("until noticed: mean, p95, longest", f"{mean(seen.lags):.1f} s, {p95:.1f} s, {longest:.1f} s")
    table.add_section()
    table.add_row("from the last completion to the last success", f"{after:.1f} s")
    table.add_row("  until the last was noticed", f"{ours:.1f} s")
    table.add_row("  Airflow's own share: resuming", f"{after - ours:.1f} s ({1 - ours / after:.0%})")
    table.add_section()
    pace = (WAITING - 1) / (max(seen.successes) - min(seen.successes))
    table.add_row("successes a second, first to last", f"{pace:.1f}")
    table.add_row("tries that Airflow itself failed", str(seen.failed))
    return table


def main() -> None:
    try:
        with postgres_database() as database, TemporaryDirectory() as home, Sandbox(Settings()) as sandbox:
            dags = Path(home) / "dags"
            dags.mkdir()
            shutil.copy(DAG_FILE, dags)
            ends = submit(sandbox)
            (dags / "poll_urls.json").write_text(json.dumps(list(ends)))
            environment = {
                **SETTINGS,
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
                "AIRFLOW_CONN_LEMONDATA_DEFAULT": sandbox.connection_uri,
            }
            with LocalAirflow(home=Path(home), dags=dags, environment=environment) as airflow:
                perform(airflow, database, list(ends))
                table = table_of(evidence(airflow, sandbox, ends))
    except ServerMissingError as error:
        print(f"Left out. {error}")
    else:
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
