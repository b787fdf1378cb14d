"""Explores every situation that a video's way can come to, and walks ways at random."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.api.errors import LemonDataError, SubmitUnknownError
from lemondata_provider.api.polling import PollAgain, PollResult, TaskPoller
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.record import KEY
from lemondata_provider.triggers.events import TaskEvent
from lemondata_provider.triggers.task import TaskTrigger
from tests.operators.explored_files import VIDEO_URL
from tests.operators.explored_operator import Operator
from tests.operators.explored_world import (
    AirflowNumbers,
    Chooser,
    Gone,
    RandomChooser,
    Rules,
    StoreError,
    World,
)
from tests.operators.exploring import Process

RETRIES = 2
KILLS = 0.3  # the share of the processes that are killed on a random path


@dataclass(frozen=True)
class Situation:
    """
    What a process finds when it starts.

    :param does: ``execute``, ``wait`` (in a triggerer) or ``resume``.
    :param wants: the request that is submitted.
    :param tries: how many more there are after this one.
    :param max_tries: Airflow's, which tells a clear from a retry.
    :param number: the number of the try.
    :param clears: what the user will clear the task for, one after the other.
    :param clear_number: Airflow's.
    :param arguments: what the deferral or the event hands over, as JSON.
    :param trail: what led here.
    """

    does: str
    world: World
    wants: str = "A"
    tries: int = RETRIES
    max_tries: int = RETRIES
    number: int = 1
    clears: tuple[str, ...] = ("A",)
    clear_number: int = 0
    arguments: str = "{}"
    trail: tuple[str, ...] = ()

    @property
    def key(self) -> Any:
        """Return what makes it another situation: not the deadlines, for each process has ten minutes before it."""
        world, arguments = replace(self.world, store=_timeless(self.world.store)), _timeless(self.arguments)
        return self.does, world, self.wants, self.tries, self.max_tries, self.clears, arguments

    def retried(self, world: World, *log: str) -> Situation | None:
        left: dict[str, Any] = {
            "does": "execute",
            "tries": self.tries - 1,
            "number": self.number + 1,
            "arguments": "{}",
        }
        return replace(self, world=world, trail=(*self.trail, *log), **left) if self.tries else None

    def cleared(self, world: World, *log: str, adds: int = 3) -> Iterator[Situation]:
        """
        Yield what the next clear leads to, if the user makes one.

        :param adds: how many tries Airflow adds: those that are gone; none, if the user lowered the retries as much.
        """
        for wants in self.clears[:1]:
            left: dict[str, Any] = {
                "does": "execute",
                "wants": wants,
                "tries": max(self.tries - 1, 0),
                "number": self.number + 1,
                "max_tries": self.max_tries + adds,
                "clears": self.clears[1:],
                "clear_number": self.clear_number + 1,
                "arguments": "{}",
            }
            yield replace(self, world=world.cleared, trail=(*self.trail, *log, f"cleared for {wants}"), **left)


def _timeless(text: str | None) -> str | None:
    """Return what is stored without its times, and without the ids of tries, which are over."""
    return text and re.sub(r'"try-\d+"', '""', json.dumps(json.loads(text, parse_float=lambda _: 0)))


@dataclass(frozen=True)
class Permission:
    """
    What the user allows to be paid for again, and what may happen.

    :param options: the options of the operator.
    :param rules: what may happen to a process, and what may be paid for again.
    :param begin: what the first process finds.
    :param keeps_all: whether the store knows of everything that is paid for.
    :param adds: how many tries a clear adds.
    """

    options: dict[str, Any] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    begin: Situation = field(default_factory=lambda: Situation("execute", World()))
    keeps_all: bool = True
    adds: int = 3


@dataclass
class Explorer:
    """Explores every situation that an operator can come to, and counts."""

    operator: Operator
    permission: Permission
    known: dict[Any, int] = field(default_factory=dict)
    processes: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    def paths(self, situation: Situation) -> int:
        """Return how many paths lead from here to an end."""
        if situation.key not in self.known:
            self.known[situation.key] = sum(self.paths(each) if each else 1 for each in self._next(situation))
        return self.known[situation.key]

    def _next(self, situation: Situation) -> Iterator[Situation | None]:
        chooser = Chooser()
        killed: dict[Any, tuple[World, tuple[str, ...]]] = {}
        while True:
            yield from self._run_and_after(situation, chooser, killed)
            if not chooser.next_path():
                break
        for world, trail in killed.values():
            yield from self._after_kill(replace(situation, trail=()), world, trail)

    def walk(self, situation: Situation | None, chooser: RandomChooser) -> None:
        """Go one way at random, until a path ends or the user has cleared the task as often as planned."""
        while situation:
            killed: dict[Any, tuple[World, tuple[str, ...]]] = {}
            nexts = list(self._run_and_after(situation, chooser, killed))
            if killed and chooser.random.random() < KILLS:
                world, trail = chooser.random.choice(list(killed.values()))
                nexts = list(self._after_kill(replace(situation, trail=()), world, trail))
            situation = chooser.random.choice(nexts) if nexts else None

    def _run_and_after(self, situation: Situation, chooser: Any, killed: Any) -> Iterator[Situation | None]:
        airflow = AirflowNumbers(situation.max_tries, situation.clear_number, situation.number)
        process = Process(situation.world, situation.wants, airflow, self.permission.rules, chooser, killed)
        process.log.extend(situation.trail)
        yield from self._after(situation, process, *self._run(situation, process))
        self.processes += 1

    def _run(self, situation: Situation, process: Process) -> tuple[str, Any]:
        """Run one process to its end, and return what Airflow gets from it."""
        self.operator.of(process)
        try:
            return self._do(situation, process)
        except TaskDeferred as deferral:
            trigger = deferral.trigger.serialize()[1]
            return "wait", {"trigger": trigger, "method": deferral.method_name, "kwargs": deferral.kwargs}
        except (LemonDataFailException, LemonDataError) as error:
            return "raised", error
        except StoreError:
            return "not stored", None
        except Gone:
            return "gone", None

    def _do(self, situation: Situation, process: Process) -> tuple[str, Any]:
        arguments = json.loads(situation.arguments)
        if situation.does == "wait":
            return "resume", {**arguments, "event": self._event(arguments["trigger"])}
        if situation.does == "resume":
            resume = getattr(self.operator, arguments["method"])
            return "returned", resume(process.context, event=arguments["event"], **arguments["kwargs"])
        return "returned", self.operator.execute(process.context)

    def _event(self, trigger: dict[str, Any]) -> dict[str, Any]:
        """Do what the trigger does, from its serialized arguments."""
        wait = TaskPoller(TaskTrigger(**trigger).wait)
        step: PollResult = wait.start(self.operator.hook.process.now)
        while isinstance(step, PollAgain):
            step = self.operator.hook.poll(wait)
        return TaskEvent.from_end(step, wait.wait).model_dump(mode="json")

    def _after(self, situation: Situation, process: Process, how: str, what: Any) -> Iterator[Situation | None]:
        process.may_be_killed_before(f"{how} {what if how == 'raised' else ''}")
        trail, world = tuple(process.log), process.world
        if process.replaced or how == "gone":
            yield from self._after_kill(replace(situation, trail=()), world, trail)
            return
        self._check_kept(process, how)
        if how == "not stored":
            yield replace(situation, trail=()).retried(world, *trail)
            return
        if how in ("wait", "resume"):
            yield replace(situation, does=how, world=world, arguments=json.dumps(what), trail=trail)
            return
        error = what.error if isinstance(what, LemonDataFailException) else what
        self.ends[type(error).__name__] += 1
        if how == "returned":
            self._check_result(process, what)
            if process.durable and process.push_fails():
                yield replace(situation, trail=()).retried(process.world, *process.log)
        else:
            self._check_failure(process, error)
        retry = how == "raised" and error is what
        situation = replace(situation, trail=())
        yield situation.retried(world, *trail) if retry else None
        yield from situation.cleared(world, *trail, adds=self.permission.adds)

    def _after_kill(self, situation: Situation, world: World, trail: tuple[str, ...]) -> Iterator[Situation | None]:
        """Yield what follows a kill: Airflow retries, a user clears, and a trigger starts again elsewhere."""
        yield situation.retried(world, *trail)
        yield from situation.cleared(world, *trail, adds=self.permission.adds)
        again = replace(situation, world=world, trail=trail)
        if situation.does == "wait" and again.key != situation.key:
            yield again

    def _check_kept(self, process: Process, how: str) -> None:
        """What is paid for is in the store: by its id, or else as a request whose answer was lost."""
        unnamed = {task for task in process.tasks if not process.world.names(task)}
        unseen = process.tasks[-1:] if KEY in process.values and how == "raised" else ()
        if self.permission.keeps_all and unnamed.difference(unseen):
            process.violates("a paid task is not in the store")

    def _check_result(self, process: Process, result: dict[str, Any]) -> None:
        if self.operator.output_path:
            self._check_file(process, result)
            return
        last = [task for task in process.tasks if task.request == process.wants][-1]
        ended = (last.state, result["video_url"]) == ("completed", VIDEO_URL.format(last.id))
        if result["task_id"] != last.id or (self.operator.wait_for_completion and not ended):
            process.violates(f"another result than that of the paid task: {result}")

    def _check_file(self, process: Process, result: dict[str, Any]) -> None:
        """The file is there, whole and described, and the video of the wanted request."""
        (name,) = (name for name in process.files if name.endswith(".mp4"))
        task = process.task_of(process.files[name])
        described = json.loads(process.files[f"{name}.json"])["task_id"]
        if not task or task.request != process.wants or {result["task_id"], described} != {task.id}:
            process.violates(f"another file than that of the result: {result}")

    def _check_failure(self, process: Process, error: LemonDataError) -> None:
        """What is paid for is never reported as not submitted, nor what is known as unknown."""
        wanted = [task for task in process.tasks if task.request == process.wants]
        if not wanted:
            return
        last = wanted[-1]
        refused = process.creates and not process.has_created  # it speaks of the new create then
        if isinstance(error, SubmitUnknownError):
            if last.id in json.dumps(process.values.get(KEY)):
                process.violates("a known task is called unknown")
        elif not any(task.id in str(error) for task in process.tasks) and not refused:
            process.violates("a paid task is reported as not submitted")
