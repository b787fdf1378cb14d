"""What Airflow's kills did to tasks that wait for ever: the DELETEs that LemonData got, and what the logs said."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox

ON_KILL = "invoking on_kill"  # these two are Airflow's words in the log of a trigger
TRIGGER_ENDED = "trigger completed"
REATTACHED = "polling task"


@dataclass(frozen=True)
class Instance:
    """One task instance of tests/e2e/dags/kills.py, whose id says what it is for."""

    dag_id: str
    run_id: str
    task_id: str

    @property
    def way(self) -> str:
        return self.task_id.split("-")[0]

    @property
    def kind(self) -> str:
        return self.task_id.split("-")[1]

    @property
    def cancels(self) -> bool:
        return self.task_id.endswith("-cancels")

    @property
    def path(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"


@dataclass
class Seen:
    """What one kill brought: the answers to the DELETEs, and the lines of the log that speak of cancelling."""

    answers: list[int | None] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def outcomes(lines: list[str]) -> list[str]:
    """Return the lines that say whether a task at LemonData was cancelled."""
    return [line for line in lines if re.search("[Tt]ask ldtask_.* cancel", line) and "Exception" not in line]


def until(done: Callable[[], Any], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.3)


class Matrix:
    """Watches task instances from before a kill until it is over; ``seen`` holds what came of it by row and kind."""

    def __init__(self, airflow: LocalAirflow, sandbox: Sandbox) -> None:
        self.airflow = airflow
        self.sandbox = sandbox
        self.seen: dict[tuple[str, str, bool], Seen] = {}
        self._counted: dict[Instance, int] = {}
        self._runs: list[tuple[str, str]] = []

    def start(self, dag_id: str, state: str) -> list[Instance]:
        """Start a run, and return its task instances once all are in this state, with tasks that are as wanted."""
        run_id = self.airflow.trigger(dag_id)
        self._runs.append((dag_id, run_id))
        self.await_states(dag_id, run_id, {state})
        instances = [Instance(dag_id, run_id, ti["task_id"]) for ti in self.airflow.task_instances(dag_id, run_id)]
        self.each(instances, self._is_as_wanted, "the task at LemonData")
        return instances

    def await_states(self, dag_id: str, run_id: str, states: set[str], seconds: float = 120) -> None:
        until(
            lambda: {ti["state"] for ti in self.airflow.task_instances(dag_id, run_id)} <= states,
            seconds,
            f"all of {dag_id} being {states}",
        )

    @contextmanager
    def row(
        self, name: str, instances: Iterable[Instance], over: Callable[[Instance, list[str]], bool]
    ) -> Iterator[None]:
        """Watch a kill: it happens in the block, and is over when ``over(instance, new lines of its log)``."""
        before = {instance: (len(self.answers(instance)), len(self.log_lines(instance))) for instance in instances}
        yield
        self.each(before, lambda instance: over(instance, self.log_lines(instance)[before[instance][1] :]), name)
        for instance, (answers, logged) in before.items():
            seen = self.seen.setdefault((name, instance.kind, instance.cancels), Seen())
            now = self.answers(instance)
            self._counted[instance] = len(now)
            seen.answers += now[answers:]
            seen.said += outcomes(self.log_lines(instance)[logged:])

    def each(self, instances: Iterable[Instance], done: Callable[[Instance], bool], what: str) -> None:
        left = list(instances)

        def none_left() -> bool:
            left[:] = [instance for instance in left if not done(instance)]
            return not left

        try:
            until(none_left, 90, what)
        except AssertionError as error:
            logs = {instance.task_id: self.log_lines(instance) for instance in left}
            raise AssertionError(f"{error}: {json.dumps(logs, indent=1)}") from None

    def tasks(self, instance: Instance) -> list[str]:
        """The ids of the tasks that it paid for, oldest first."""
        return [one.id for one in self.sandbox.ledger.creates if one.body["prompt"].split()[0] == instance.task_id]

    def answers(self, instance: Instance) -> list[int | None]:
        """The answers to all DELETEs of its tasks."""
        tasks = self.tasks(instance)
        calls = self.sandbox.ledger.calls
        return [call.status for call in calls if call.kind == "cancel" and call.path.rpartition("/")[2] in tasks]

    def is_polled_since(self, instance: Instance, instant: float) -> bool:
        """Say whether its last task was polled after an instant."""
        tasks = self.tasks(instance)[-1:]
        calls = self.sandbox.ledger.calls
        return any(
            call.time > instant and call.kind == "poll" and call.path.rpartition("/")[2] in tasks for call in calls
        )

    def log_lines(self, instance: Instance) -> list[str]:
        """Return the lines about kills and cancels in the logs of all its tries."""
        tries = range(1, self.ti(instance)["try_number"] + 1)
        return [line for number in tries for line in self._log(instance, number) if _is_about_the_kill(line)]

    def ti(self, instance: Instance) -> dict[str, Any]:
        found: dict[str, Any] = self.airflow.api("GET", instance.path)
        return found

    def not_counted(self) -> dict[str, int]:
        """How many DELETEs came after the kills that the rows count, by task instance."""
        late = {one.task_id: len(self.answers(one)) - counted for one, counted in self._counted.items()}
        return {task_id: count for task_id, count in late.items() if count}

    def end(self, dag_id: str, run_id: str) -> None:
        """End a run that has shown all it has to; what that cancels is not counted."""
        self._counted = {one: count for one, count in self._counted.items() if one.run_id != run_id}
        self.airflow.api("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", state="failed")

    def end_everything(self) -> None:
        """End all runs, so that whatever uses this Airflow next has it for itself."""
        for dag_id, run_id in self._runs:
            self.end(dag_id, run_id)
        for dag_id, run_id in self._runs:
            self.await_states(dag_id, run_id, {"failed", "success", "skipped"})

    def table(self, rows: Iterable[str]) -> str:
        """What was seen, as Markdown."""
        lines = ["| kill | task | cancel_on_kill | DELETEs | answers | the log says |", "|---|---|---|---|---|---|"]
        for row in rows:
            for (name, kind, cancels), seen in self.seen.items():
                if name == row:
                    said = " / ".join(sorted({_without_id(line) for line in seen.said}))
                    answers = ", ".join(map(str, seen.answers))
                    lines.append(f"| {row} | {kind} | {cancels} | {len(seen.answers)} | {answers} | {said} |")
        return "\n".join(lines)

    def _is_as_wanted(self, instance: Instance) -> bool:
        tasks = {task["id"]: task["status"] for task in self.sandbox.tasks}
        wanted = "pending" if instance.kind == "queued" else "processing"
        return [tasks[task] for task in self.tasks(instance)] == [wanted]

    def _log(self, instance: Instance, number: int) -> list[str]:
        try:
            return self.airflow.log(instance.dag_id, instance.run_id, instance.task_id, number).splitlines()
        except httpx.HTTPStatusError:  # a try that has not begun
            return []


def _is_about_the_kill(line: str) -> bool:
    return any(words in line for words in (ON_KILL, TRIGGER_ENDED, REATTACHED)) or bool(outcomes([line]))


def _without_id(line: str) -> str:
    words = line.split()[2:]  # without time and level
    return " ".join("…" if word.startswith("ldtask_") else word for word in words)
