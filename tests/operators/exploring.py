"""One process of a video's way: the store, the task instance and LemonData as an operator sees them, and its kills."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any, NoReturn

import httpx

from lemondata_provider.api.errors import BrokenDownloadError
from lemondata_provider.operators.record import KEY
from tests.operators.explored_files import VIDEO_URL
from tests.operators.explored_world import (
    LIVES,
    MAX_POLLS,
    NO_MODEL,
    REPEATED,
    TROUBLES,
    AirflowNumbers,
    Chooser,
    Gone,
    Paid,
    RandomChooser,
    Rules,
    StoreError,
    Violated,
    World,
)


class Process:
    """
    One process, and all that it does to the world.

    A killed process does nothing more, so what a kill leaves is the world just before the next thing that the process
    would have done to it; after one thing is before the next.

    :param world: what it finds.
    :param wants: the request that it would submit.
    :param airflow: how Airflow counts.
    :param rules: what may happen.
    :param chooser: decides what LemonData does.
    :param killed: gets what each kill leaves and what led to it, under the choices that led there.
    """

    dag_id, task_id, run_id, map_index = "clips", "submit", "manual__1", -1

    def __init__(
        self,
        world: World,
        wants: str,
        airflow: AirflowNumbers,
        rules: Rules,
        chooser: Chooser | RandomChooser,
        killed: dict[Any, tuple[World, tuple[str, ...]]],
    ) -> None:
        self.wants, self.max_tries, self.try_number = wants, airflow.max_tries, airflow.try_number
        self.id = f"try-{airflow.try_number}"
        self._run = airflow
        self.durable = world.store is not None
        self.values: dict[str, Any] = json.loads(world.store or "{}")
        self.tasks = world.tasks
        self.files: dict[str, str] = json.loads(world.files)
        self._found = len(self.tasks)
        self.log: list[str] = []
        self.now = time.time()
        self.creates = self.polls = 0
        self._rules, self._choose, self._killed = rules, chooser, killed
        self._create = self._trouble = "none"
        self._has_lied = self.replaced = self._push_failed = False

    @property
    def world(self) -> World:
        store = json.dumps(self.values, sort_keys=True) if self.durable else None
        return World(store, self.tasks, json.dumps(self.files, sort_keys=True))

    @property
    def context(self) -> Any:
        return {"ti": self, "dag_run": self._run, **({"task_state_store": self} if self.durable else {})}

    @property
    def has_created(self) -> bool:
        return len(self.tasks) > self._found

    def may_be_killed_before(self, what: str) -> None:
        if self._rules.is_replaced and not self.replaced:
            self.replaced = self._choose.choose(("goes on", "is replaced")) == "is replaced"
            self.log.extend(["replaced"] * self.replaced)
        if self.durable and not self.replaced:  # without a store, nothing can know what a killed process paid for
            self._killed[(self._choose.chosen, len(self.log))] = (self.world, (*self.log, "killed"))
        self.log.append(what)

    def violates(self, what: str) -> NoReturn:
        raise Violated(f"{what}; {self.log} with {self.values} and {self.tasks}")

    # --- the task instance and its store

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)
        if self.replaced or self.push_fails():
            raise StoreError("the XCom is not stored")

    def push_fails(self) -> bool:
        """Decide whether an XCom cannot be stored; without a record, the operator tries again."""
        fails = (
            self._rules.fails_pushes
            and not (self._push_failed and not self.durable)
            and self._choose.choose(("stored", "fails")) == "fails"
        )
        self._push_failed |= fails
        self.log.extend(["a push fails"] * fails)
        return fails

    def pause(self, seconds: float) -> None:
        """Let time pass, in which Airflow ends the process of a replaced try."""
        if self.replaced:
            raise Gone

    def get(self, key: str) -> Any:
        if self.replaced:
            return None
        if self._rules.lies and self.try_number > 1 and not self._has_lied:
            self._has_lied = self._choose.choose(("truth", "nothing")) == "nothing"
            if self._has_lied:
                self.log.append(f"nothing is read under {key}")
                return None
        return self.values.get(key)

    def set(self, key: str, value: Any, retention: Any = None) -> None:
        # Only the page reads what was paid earlier: it must be named elsewhere.
        stored = {**value, "earlier": []} if key == KEY else value
        self._write(f"store {key}", {**self.values, key: json.loads(json.dumps(stored))})

    def delete(self, key: str) -> None:
        self._write(f"delete {key}", {name: value for name, value in self.values.items() if name != key})

    def _write(self, what: str, values: dict[str, Any]) -> None:
        self.may_be_killed_before(what)
        if self.replaced:
            raise StoreError("there is no such task instance")
        before, self.values = self.world, values
        if any(before.names(task) and not self.world.names(task) for task in self.tasks):
            self.violates("a stored task is forgotten")

    # --- the files

    def download(self, task_id: str) -> bytes:
        self.may_be_killed_before(f"download {task_id}")
        if self._choose.choose(self._rules.downloads) == "breaks off":
            self.log[-1] += " -> breaks off"
            raise BrokenDownloadError("reset")
        return task_id.encode()

    def publish(self, name: str, content: str) -> None:
        self.may_be_killed_before(f"publish {name}")
        older = self.task_of(self.files.get(name))
        if older and self.task_of(content) != older and not self._rules.replaces_files:
            self.violates("the file of another task is replaced")
        self.files = {**self.files, name: content}

    def remove(self, name: str) -> None:
        self.may_be_killed_before(f"remove {name}")
        self.files = {other: content for other, content in self.files.items() if other != name}

    def task_of(self, content: str | None) -> Paid | None:
        """Return the task whose video a file is."""
        return next((task for task in self.tasks if task.id == content), None)

    # --- LemonData

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.may_be_killed_before(f"{request.method} {request.url.path}")
        answers = {"POST": self._answer_create, "GET": self._answer_poll}
        answer = answers.get(request.method, lambda _: refusal(409, "task_not_cancellable"))(request)
        self.log[-1] += f" -> {answer.status_code}"
        return answer

    def _may_be_followed(self, task: Paid) -> bool:
        """Return whether the user allows the wanted create after this task."""
        if task.request != self.wants:
            return task.cleared
        return self._rules.may_pay_again(task, self.world.names(task))

    def _answer_create(self, request: httpx.Request) -> httpx.Response:
        if self.has_created:
            self.violates("one process pays twice")
        if json.loads(request.content)["prompt"] != self.wants:
            self.violates("another request is submitted")
        if not all(self._may_be_followed(task) for task in self.tasks):
            self.violates("paid twice without the user's permission")
        if any(self.task_of(content) for content in self.files.values()) and not self._rules.replaces_files:
            self.violates("the file is there, and another one is paid for")
        self.creates += 1
        repeated = self.creates > 1
        self._create = self._choose.choose(
            tuple(create for create in self._rules.creates if not (repeated and create in REPEATED))
        )
        return self._chosen_answer(request)

    def _chosen_answer(self, request: httpx.Request) -> httpx.Response:
        if self._create == "never reached":
            raise httpx.ConnectError("refused", request=request)
        if self._create == "refused":
            return refusal(400, "invalid_request_error")
        if self._create.startswith("refused"):
            return refusal(429, "rate_limit_exceeded", retry_after=61 if self._create.endswith("longer") else 0)
        if self._create == NO_MODEL[0]:
            return refusal(404, "model_not_found")
        self.tasks += (Paid(f"ldtask_{len(self.tasks) + 1}", self.wants),)
        if self._create == NO_MODEL[1]:
            return refusal(500, "model_not_found")
        if self._create == "lost":
            raise httpx.ReadError("reset", request=request)
        return httpx.Response(200, json={"id": self.tasks[-1].id, "status": "pending"})

    def _answer_poll(self, request: httpx.Request) -> httpx.Response:
        self.polls += 1
        if self.polls > MAX_POLLS:
            self.violates("an endless wait")
        if self.polls == 1:
            self._trouble = self._choose.choose(self._rules.troubles)
        if self._trouble == TROUBLES[1] and self.polls == 1:
            raise httpx.ReadError("reset", request=request)
        if self._trouble == TROUBLES[2]:
            return refusal(401, "invalid_api_key")
        return seen(self._lived(request.url.path.rpartition("/")[2]))

    def _lived(self, task_id: str) -> Paid:
        (task,) = (task for task in self.tasks if task.id == task_id)
        older = task
        if task.state == "pending":
            task = replace(task, state=self._choose.choose(LIVES))
        self.tasks = tuple(task if each is older else each for each in self.tasks)
        return task


def refusal(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": "no", "code": code, **more}})


def seen(task: Paid) -> httpx.Response:
    if task.state == "forgotten":
        return refusal(404, "async_task_not_found")
    status = "processing" if task.state == "endless" else task.state
    video = {"video_url": VIDEO_URL.format(task.id)} if task.state == "completed" else {}
    return httpx.Response(200, json={"id": task.id, "status": status, **video})
