"""
Every path of a video through crashes, lost answers, retries and a clear, counted.

A *situation* is what a process finds when it starts. From each one all processes are run that LemonData's answers can
make of it; what they leave, and what each kill on their way leaves, are the next situations. Equal situations have
equal futures: each is explored once, and the paths through it count as often as a path leads there.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import airflow.sdk
import pytest
import structlog
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.api.errors import LemonDataError, SubmitUnknownError
from lemondata_provider.api.polling import PollAgain, PollResult, TaskPoller
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.record import KEY
from lemondata_provider.triggers.events import TaskEvent
from lemondata_provider.triggers.task import TaskTrigger
from tests.operators.exploring import (
    CREATES,
    FEW_CREATES,
    NO_MODEL,
    TIMES,
    TROUBLES,
    AirflowNumbers,
    Chooser,
    Gone,
    Operator,
    Process,
    RandomChooser,
    Rules,
    StoreError,
    World,
)

pytestmark = pytest.mark.slow  # thousands of processes
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
        last = [task for task in process.tasks if task.request == process.wants][-1]
        ended = (last.state, result["video_url"]) == ("completed", "https://x.test/v.mp4")
        if result["task_id"] != last.id or (self.operator.wait_for_completion and not ended):
            process.violates(f"another result than that of the paid task: {result}")

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


MODES: dict[str, dict[str, Any]] = {
    "submit-only": {},
    "deferred": {"wait_for_completion": True},
    "worker-waiting": {"wait_for_completion": True, "deferrable": False},
}
BACK = Situation("execute", World(), tries=1, clears=("B", "A"))
PERMISSIONS = {
    "nothing allowed": Permission(rules=Rules(troubles=TROUBLES)),
    "resubmit what is unknown": Permission(
        {"on_unknown_submit": "resubmit"},
        Rules(lambda task, named: task.is_cleared_and_gone or not named),
        keeps_all=False,  # the record of the next create takes the place of the intent
    ),
    "regenerate": Permission({"on_clear": "regenerate"}, Rules(lambda task, named: task.cleared)),
    "resubmit what failed": Permission(
        {"resubmit_failed": True}, Rules(lambda task, named: task.is_cleared_and_gone or task.state == "failed")
    ),
    "no store": Permission(
        rules=Rules(lambda task, named: task.cleared, fails_pushes=True),
        begin=Situation("execute", World(store=None)),
        keeps_all=False,
    ),
    "fallbacks": Permission(
        {"fallback_models": ["veo3.1-fast"]},
        Rules(creates=FEW_CREATES + NO_MODEL),
        Situation("execute", World(), tries=1),
    ),
    "another request and back": Permission(rules=Rules(creates=FEW_CREATES), begin=BACK),
    "a store that lies once": Permission(rules=Rules(lies=True, creates=FEW_CREATES), begin=BACK),
    "XComs that are not stored": Permission(rules=Rules(fails_pushes=True, creates=FEW_CREATES), begin=BACK),
    "two live tries": Permission(rules=Rules(is_replaced=True, creates=FEW_CREATES), begin=BACK),
    "retries lowered": Permission(rules=Rules(creates=FEW_CREATES), begin=BACK, adds=0),
    "everything": Permission(
        {"fallback_models": ["veo3.1-fast"]},
        Rules(troubles=TROUBLES, creates=CREATES + NO_MODEL, lies=True, fails_pushes=True, is_replaced=True),
        Situation("execute", World(), clears=("B", "A", "C", "B", "A")),
    ),
}
ENDS = {"dict", "SubmitUnknownError", "BadRequestError", "RateLimitError"}
ENDS_OF_A_WAIT = {"TaskFailedError", "TaskNotFoundError", "TaskTimeoutError"}
# Situations, processes, paths. A refused submit leaves the record as it was, so it adds no situation of its own.
MIN_COUNTS = {
    ("submit-only", "nothing allowed"): (39, 240, 200_000),
    ("deferred", "nothing allowed"): (230, 680, 150_000_000),
    ("worker-waiting", "nothing allowed"): (60, 565, 1_500_000),
    ("deferred", "resubmit what is unknown"): (300, 900, 15_000_000),
    ("deferred", "regenerate"): (200, 560, 5_000_000),
    ("deferred", "resubmit what failed"): (270, 765, 25_000_000),
    ("deferred", "no store"): (70, 180, 1_500),
    ("worker-waiting", "no store"): (15, 250, 1_500),
    ("submit-only", "fallbacks"): (30, 200, 8_000),
    ("submit-only", "another request and back"): (80, 300, 15_000),
    ("submit-only", "a store that lies once"): (80, 1_300, 1_000_000),
    ("submit-only", "XComs that are not stored"): (80, 450, 35_000),
    ("submit-only", "two live tries"): (80, 1_400, 150_000),
    ("submit-only", "retries lowered"): (60, 165, 10_000),
}
SEQUENCES = 2_500  # of each shard


@pytest.mark.parametrize(("mode", "allowed"), MIN_COUNTS)
def test_execute_every_path_pays_once_unless_allowed_and_loses_no_paid_task(mode, allowed, request):
    explorer = explorer_of(mode, allowed)
    permission = explorer.permission
    with structlog.testing.capture_logs():
        paths = explorer.paths(permission.begin)
    counted = (len(explorer.known), explorer.processes, paths)
    request.node.user_properties.append(("situations, processes, paths", counted))  # for the JUnit report
    minimum = MIN_COUNTS[mode, allowed]
    assert all(number >= least for number, least in zip(counted, minimum, strict=True)), counted
    ends = ENDS if mode == "submit-only" else ENDS | ENDS_OF_A_WAIT
    assert set(explorer.ends) >= ends - ({"RateLimitError"} if permission.rules.creates != CREATES else set())


@pytest.mark.parametrize("mode", [*MODES, "deferred"], ids=["1", "2", "3", "4"])
def test_execute_random_path_pays_once_and_loses_no_paid_task(mode, request):
    """Here everything may happen on one way. A seed that failed goes on failing: LEMONDATA_SEED=... repeats it."""
    seed = int(os.environ.get("LEMONDATA_SEED", time.time_ns() % 2**32))
    request.node.user_properties.append(("seed", seed))  # `pytest_terminal_summary` prints it
    explorer, chooser = explorer_of(mode, "everything"), RandomChooser(Random(seed))  # noqa: S311 # no secret
    with structlog.testing.capture_logs():
        for _ in range(SEQUENCES):
            explorer.walk(explorer.permission.begin, chooser)
    assert explorer.processes > SEQUENCES
    assert set(explorer.ends) >= ENDS


def explorer_of(mode: str, allowed: str) -> Explorer:
    permission = PERMISSIONS[allowed]
    if permission.begin.world.store is not None and not hasattr(airflow.sdk, "NEVER_EXPIRE"):
        pytest.skip("this Airflow has no task state store")  # 3.2, on a user's machine as here
    operator = Operator(task_id="submit", model="sora-2", prompt="A", **TIMES, **MODES[mode], **permission.options)
    return Explorer(operator, permission)
