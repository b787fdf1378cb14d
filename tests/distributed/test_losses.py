"""Sixty days and three hundred clips, or fewer, and a triggerer and a worker die half way: nothing is paid twice."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from statistics import mean, quantiles
from typing import Any

import psutil
import pytest
from pydantic import TypeAdapter

from harness.local_airflow import LocalAirflow
from lemondata_provider.operators.submission import ANSWER_UNSEEN
from lemondata_provider.sandbox.server import Sandbox
from tests.distributed.conftest import CLIPS, DAYS, TRIGGERERS, WORKERS

DAILY, MAPPED = "lemondata_daily_clip", "many_clips"
FIRST_DAY = datetime(2026, 9, 1, tzinfo=timezone.utc)
PIECES = 2 * DAYS + CLIPS  # a day is a clip and its upscale

ACCEPTING_SECONDS = 2.0  # what the service takes to accept a video: long enough for a kill to find submits in flight
HALF_WAY_SECONDS, END_SECONDS = 600, 1200
SUCCESS, UNKNOWN, NOT_BEGUN = "success", "unknown", "not begun, since what it needs ended unknown"

INSTANT = TypeAdapter(datetime)
Key = tuple[str, str, str, int]
"""DAG, run, task and map index: in Airflow, a task instance."""


@dataclass(frozen=True)
class Kill:
    """What was found right after the kill.

    :param submitted: creates until then.
    :param running: the task instances that the worker was running.
    :param in_flight: those of them whose submit has an unknown end: an intent is stored, and no id.
    :param waiting: the task instances that waited in the triggerer.
    """

    time: float
    submitted: int
    running: set[Key]
    in_flight: set[Key]
    waiting: int


@dataclass(frozen=True)
class Outcome:
    """How it all ended.

    :param ends: how each task instance ended.
    :param paid: the creates, counted by what they asked for: a second one for the same work asks for the same.
    :param lags: the seconds from the end of each video to the first poll it after that.
    :param refused: requests that were answered with a 429, by kind.
    :param tries: tries beyond the first, over all task instances.
    :param found_dead: task instances whose heartbeat Airflow missed.
    :param queued_again: task instances whose message got lost, and that Airflow queued again.
    :param failed_by_airflow: tries that the executor called finished while Airflow took them for unfinished, and so
        failed them, without those that were found dead: "state mismatch", see apache/airflow#67287.
    """

    kill: Kill
    seconds: float
    ends: dict[Key, str]
    paid: Counter[str]
    lags: list[float]
    requests: int
    refused: Counter[str]
    tries: int
    found_dead: int
    queued_again: int
    failed_by_airflow: int

    @property
    def unknown(self) -> set[Key]:
        return {key for key, end in self.ends.items() if end == UNKNOWN}

    def table(self) -> str:
        """What was measured, as Markdown."""
        refused = ", ".join(f"{count} of {kind}" for kind, count in sorted(self.refused.items())) or "none"
        p95 = quantiles(self.lags, n=20)[-1]
        rows = {
            "wall time, of which after the kill": f"{self.seconds:.0f} s, {self.seconds - self.kill.time:.0f} s",
            "killed when so many were submitted": f"{self.kill.submitted} of {PIECES}",
            "killed: running in the worker, waiting in the triggerer": f"{len(self.kill.running)}, {self.kill.waiting}",
            "submits in flight in the worker": len(self.kill.in_flight),
            "task instances, of which success": f"{len(self.ends)}, {Counter(self.ends.values())[SUCCESS]}",
            "ended unknown": len(self.unknown),
            "creates, most for one piece of work": f"{self.paid.total()}, {max(self.paid.values())}",
            "requests, of which 429": f"{self.requests}, {refused}",
            "until an ended video was noticed: mean, p95": f"{mean(self.lags):.1f} s, {p95:.1f} s",
            "tries beyond the first": self.tries,
            "running tasks that Airflow found dead": self.found_dead,
            "queued tasks that Airflow queued again": self.queued_again,
            "resumes that Airflow itself failed": self.failed_by_airflow,
        }
        return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])


@pytest.fixture(scope="module")
def outcome(airflow: LocalAirflow, sandbox: Sandbox) -> Outcome:
    """Run everything, with the kill, to the end."""
    sandbox.fault("slow", times=-1, seconds=ACCEPTING_SECONDS)
    airflow.wait_until(lambda: len(triggerers(airflow)) == len(TRIGGERERS), 60, "The start of both triggerers")
    airflow.unpause(DAILY)
    airflow.unpause(MAPPED)
    begin = time.time()
    airflow.api(
        "POST",
        "/backfills",
        dag_id=DAILY,
        from_date=FIRST_DAY.isoformat(),
        to_date=(FIRST_DAY + timedelta(days=DAYS - 1)).isoformat(),
        max_active_runs=DAYS // 2,
    )
    airflow.trigger(MAPPED)
    airflow.wait_until(lambda: is_half_way(airflow, sandbox), HALF_WAY_SECONDS, "The first half")
    kill = kill_one_each(airflow, sandbox, begin)
    airflow.wait_until(lambda: is_over(airflow), END_SECONDS, "The second half")
    return Outcome(
        kill=kill,
        seconds=time.time() - begin,
        ends={key_of(ti): end_of(airflow, ti) for ti in instances(airflow)},
        paid=Counter(json.dumps(create.body, sort_keys=True) for create in sandbox.ledger.creates),
        lags=lags(sandbox),
        requests=sandbox.ledger.requests(),
        refused=Counter(call.kind for call in sandbox.ledger.calls if call.status == 429),
        tries=sum(max(0, ti["try_number"] - 1) for ti in instances(airflow)),
        found_dead=len(found_dead := events(airflow, "heartbeat timeout")),
        queued_again=len(events(airflow, "stuck in queued reschedule")),
        failed_by_airflow=sum(key not in found_dead for key in events(airflow, "state mismatch")),
    )


def total(airflow: LocalAirflow, path: str, **query: Any) -> int:
    return int(airflow.api("GET", path, limit=1, **query)["total_entries"])


def triggerers(airflow: LocalAirflow, since: float = 0.0) -> set[int]:
    """Return the ids of those that gave a sign of life since an instant."""
    jobs = airflow.api("GET", "/jobs", job_type="TriggererJob", is_alive=True)["jobs"]
    return {job["id"] for job in jobs if INSTANT.validate_python(job["latest_heartbeat"]).timestamp() > since}


def triggerer_of(ti: dict[str, Any]) -> int | None:
    return (ti["trigger"] or {}).get("triggerer_id")


def instances(airflow: LocalAirflow, **query: Any) -> list[dict[str, Any]]:
    return [ti for dag_id in (DAILY, MAPPED) for ti in airflow.task_instances(dag_id, "~", **query)]


def events(airflow: LocalAirflow, event: str) -> list[Key]:
    """List the task instances that an event of Airflow's audit log is about."""
    logs = airflow.api("GET", "/eventLogs", event=event, limit=100)
    assert logs["total_entries"] <= 100
    return [(log["dag_id"], log["run_id"], log["task_id"], log["map_index"]) for log in logs["event_logs"]]


def key_of(ti: dict[str, Any]) -> Key:
    return ti["dag_id"], ti["dag_run_id"], ti["task_id"], ti["map_index"]


def is_half_way(airflow: LocalAirflow, sandbox: Sandbox) -> bool:
    """Half is submitted, and the worker that is to die is submitting some of the next just now."""
    if len(sandbox.ledger.creates) < PIECES / 2:
        return False
    ports = [one.raddr[1:] for task in family(airflow, WORKERS[0]) for one in connections_of(task)]
    return ports.count((sandbox.port,)) >= 2


def family(airflow: LocalAirflow, component: str) -> list[psutil.Process]:
    return list(psutil.Process(airflow.components[component].pid).children(recursive=True))


def connections_of(process: psutil.Process) -> list[Any]:
    with suppress(psutil.NoSuchProcess):
        return list(process.net_connections())
    return []


def is_over(airflow: LocalAirflow) -> bool:
    return not any(total(airflow, f"/dags/{dag}/dagRuns", state=["queued", "running"]) for dag in (DAILY, MAPPED))


def kill_one_each(airflow: LocalAirflow, sandbox: Sandbox, begin: float) -> Kill:
    """Kill a worker and a triggerer, and poll what they leave before Airflow does."""
    dead = kill(airflow, WORKERS[0])
    kill(airflow, TRIGGERERS[0])
    now = time.time()
    arrived = [call for call in sandbox.ledger.calls if call.kind == "create" and call.time <= now]
    airflow.wait_until(
        lambda: all(call.status is not None for call in arrived), 30, "The answers to the dead worker's submits"
    )
    running = {key_of(ti) for ti in instances(airflow, state=["running"]) if ti["pid"] in dead}
    in_flight = {key for key in running if is_intent(airflow.task_state(*key))}
    airflow.wait_until(lambda: triggerers(airflow, since=now) != set(), 30, "A sign of the other triggerer")
    living = triggerers(airflow, since=now)
    return Kill(
        time=now - begin,
        submitted=len(sandbox.ledger.creates),
        running=running,
        in_flight=in_flight,
        waiting=sum(triggerer_of(ti) not in {None, *living} for ti in instances(airflow, state=["deferred"])),
    )


def kill(airflow: LocalAirflow, component: str) -> set[int]:
    """Kill a component with everything below it: its tasks run in process groups of their own."""
    below = family(airflow, component)
    airflow.kill(component)
    for process in below:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return {process.pid for process in below}


def is_intent(records: dict[str, Any]) -> bool:
    record = records.get("lemondata_submit")
    return bool(record and record["task_id"] is None)


def end_of(airflow: LocalAirflow, ti: dict[str, Any]) -> str:
    """Say how a task instance ended; what is neither a success nor unknown says what was raised."""
    dag_id, run_id, task_id, map_index = key_of(ti)
    if ti["state"] == "success":
        return SUCCESS
    if ti["state"] == "upstream_failed":
        return NOT_BEGUN
    raised = airflow.failures(dag_id, run_id, task_id, ti["try_number"], map_index)
    return UNKNOWN if any(ANSWER_UNSEEN in error for error in raised) else f"{ti['state']}: {raised}"


def lags(sandbox: Sandbox) -> list[float]:
    polls = defaultdict(list)
    for call in sandbox.ledger.calls:
        if call.kind == "poll" and call.status == 200:
            polls[call.path.rpartition("/")[2]].append(call.time)
    ends = {create.id: create.time + sandbox.settings.generation_seconds for create in sandbox.ledger.creates}
    after = {task: polls[task][bisect_left(polls[task], end) :] for task, end in ends.items()}
    return [times[0] - ends[task] for task, times in after.items() if times]


def test_losses_every_clip_succeeds_or_ends_unknown(outcome: Outcome) -> None:
    strange = {key: end for key, end in outcome.ends.items() if end not in {SUCCESS, UNKNOWN, NOT_BEGUN}}
    assert strange == {}
    assert len({run for _, run, _, _ in outcome.ends if run.startswith("backfill")}) == DAYS


def test_losses_unknown_ends_are_submits_in_flight_at_the_kill(outcome: Outcome) -> None:
    assert outcome.kill.running, "The kill found the worker idle"
    assert outcome.unknown <= outcome.kill.in_flight


def test_losses_every_clip_is_charged_at_most_once(outcome: Outcome) -> None:
    assert set(outcome.paid.values()) == {1}
    successes = sum(end == SUCCESS for end in outcome.ends.values())
    assert successes <= outcome.paid.total() <= successes + len(outcome.unknown)


def test_losses_outcome_is_printed_as_a_table(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("", outcome.table(), sep="\n")
