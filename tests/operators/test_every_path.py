"""
Every path of a video through crashes, lost answers, retries and a clear, counted.

A *situation* is what a process finds when it starts. From each one all processes are run that LemonData's answers can
make of it; what they leave, and what each kill on their way leaves, are the next situations. Equal situations have
equal futures: each is explored once, and the paths through it count as often as a path leads there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
from tests.operators.exploring import TIMES, TROUBLES, Chooser, MayPayAgain, Operator, Process, World

pytestmark = pytest.mark.slow  # thousands of processes
RETRIES = 2


@dataclass(frozen=True)
class Situation:
    """
    What a process finds when it starts.

    :param does: ``execute``, ``wait`` (in a triggerer) or ``resume``.
    :param tries: how many more there are after this one.
    :param max_tries: Airflow's, which tells a clear from a retry.
    :param arguments: what the deferral or the event hands over, as JSON.
    :param trail: what led here.
    """

    does: str
    world: World
    tries: int = RETRIES
    max_tries: int = RETRIES
    arguments: str = "{}"
    trail: tuple[str, ...] = ()

    @property
    def key(self) -> Any:
        """Return what makes it another situation: not the deadlines, for each process has ten minutes before it."""
        world, arguments = replace(self.world, store=_timeless(self.world.store)), _timeless(self.arguments)
        return self.does, world, self.tries, self.max_tries, arguments

    def retried(self, world: World, *log: str) -> Situation | None:
        left: dict[str, Any] = {"does": "execute", "tries": self.tries - 1, "arguments": "{}"}
        return replace(self, world=world, trail=(*self.trail, *log), **left) if self.tries else None

    def cleared(self, world: World, *log: str) -> Iterator[Situation]:
        """Yield what a clear leads to, if it is the first: Airflow adds the tries that are gone to max_tries."""
        left: dict[str, Any] = {
            "does": "execute",
            "tries": max(self.tries - 1, 0),
            "max_tries": RETRIES + 3,
            "arguments": "{}",
        }
        if self.max_tries == RETRIES:
            yield replace(self, world=world.cleared, trail=(*self.trail, *log, "cleared"), **left)


def _timeless(text: str | None) -> str | None:
    return text and json.dumps(json.loads(text, parse_float=lambda _: 0))


@dataclass(frozen=True)
class Permission:
    """
    What the user allows to be paid for again.

    :param options: the options of the operator.
    :param may_pay_again: which tasks may be paid for again.
    :param begin: the world at first.
    :param keeps_all: whether the store knows of everything that is paid for.
    :param troubles: what may go wrong with polls.
    """

    options: dict[str, Any] = field(default_factory=dict)
    may_pay_again: MayPayAgain = lambda task, named: task.is_cleared_and_gone
    begin: World = field(default_factory=World)
    keeps_all: bool = True
    troubles: tuple[str, ...] = TROUBLES[:1]


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
            rules = (self.permission.may_pay_again, self.permission.troubles)
            process = Process(situation.world, situation.max_tries, *rules, chooser, killed)
            process.log.extend(situation.trail)
            yield from self._after(situation, process, *self._run(situation, process))
            self.processes += 1
            if not chooser.next_path():
                break
        for world, trail in killed.values():
            yield from self._after_kill(replace(situation, trail=()), world, trail)

    def _run(self, situation: Situation, process: Process) -> tuple[str, Any]:
        """Run one process to its end, and return what Airflow gets from it."""
        self.operator.hook.process = process
        arguments = json.loads(situation.arguments)
        try:
            if situation.does == "wait":
                return "resume", {**arguments, "event": self._event(arguments["trigger"])}
            if situation.does == "resume":
                resume = getattr(self.operator, arguments["method"])
                return "returned", resume(process.context, event=arguments["event"], **arguments["kwargs"])
            return "returned", self.operator.execute(process.context)
        except TaskDeferred as deferral:
            trigger = deferral.trigger.serialize()[1]
            return "wait", {"trigger": trigger, "method": deferral.method_name, "kwargs": deferral.kwargs}
        except (LemonDataFailException, LemonDataError) as error:
            return "raised", error

    def _event(self, trigger: dict[str, Any]) -> dict[str, Any]:
        """Do what the trigger does, from its serialized arguments."""
        wait = TaskPoller(TaskTrigger(**trigger).wait)
        step: PollResult = wait.start(self.operator.hook.process.now)
        while isinstance(step, PollAgain):
            step = self.operator.hook.poll(wait)
        return TaskEvent.from_end(step, wait.wait).model_dump(mode="json")

    def _after(self, situation: Situation, process: Process, how: str, what: Any) -> Iterator[Situation | None]:
        process.may_be_killed_before(f"{how} {what if how == 'raised' else ''}")
        self._check_kept(process, how)
        trail, world = tuple(process.log), process.world
        if how in ("wait", "resume"):
            yield replace(situation, does=how, world=world, arguments=json.dumps(what), trail=trail)
            return
        error = what.error if isinstance(what, LemonDataFailException) else what
        self.ends[type(error).__name__] += 1
        if how == "returned":
            self._check_result(process, what)
        else:
            self._check_failure(process, error)
        retry = how == "raised" and error is what
        situation = replace(situation, trail=())
        yield situation.retried(world, *trail) if retry else None
        yield from situation.cleared(world, *trail)

    def _after_kill(self, situation: Situation, world: World, trail: tuple[str, ...]) -> Iterator[Situation | None]:
        """Yield what follows a kill: Airflow retries, a user clears, and a trigger starts again elsewhere."""
        yield situation.retried(world, *trail)
        yield from situation.cleared(world, *trail)
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
        last = process.tasks[-1]
        ended = (last.state, result["video_url"]) == ("completed", "https://x.test/v.mp4")
        if result["task_id"] != last.id or (self.operator.wait_for_completion and not ended):
            process.violates(f"another result than that of the paid task: {result}")

    def _check_failure(self, process: Process, error: LemonDataError) -> None:
        """What is paid for is never reported as not submitted, nor what is known as unknown."""
        if not process.tasks:
            return
        last = process.tasks[-1]
        refused = process.creates and not process.has_created  # it speaks of the new create then
        if isinstance(error, SubmitUnknownError):
            if last.id in json.dumps(process.values.get(KEY)):
                process.violates("a known task is called unknown")
        elif last.id not in str(error) and not refused:
            process.violates("a paid task is reported as not submitted")


MODES: dict[str, dict[str, Any]] = {
    "submit-only": {},
    "deferred": {"wait_for_completion": True},
    "worker-waiting": {"wait_for_completion": True, "deferrable": False},
}
PERMISSIONS = {
    "nothing allowed": Permission(troubles=TROUBLES),
    "resubmit what is unknown": Permission(
        {"on_unknown_submit": "resubmit"},
        lambda task, named: task.is_cleared_and_gone or not named,
        keeps_all=False,  # the record of the next create takes the place of the intent
    ),
    "regenerate": Permission({"on_clear": "regenerate"}, lambda task, named: task.cleared),
    "resubmit what failed": Permission(
        {"resubmit_failed": True}, lambda task, named: task.is_cleared_and_gone or task.state == "failed"
    ),
    "no store": Permission({}, lambda task, named: task.cleared, World(store=None), keeps_all=False),
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
}


@pytest.mark.parametrize(("mode", "allowed"), MIN_COUNTS)
def test_execute_every_path_pays_once_unless_allowed_and_loses_no_paid_task(mode, allowed, request):
    permission = PERMISSIONS[allowed]
    if permission.begin.store is not None and not hasattr(airflow.sdk, "NEVER_EXPIRE"):
        pytest.skip("this Airflow has no task state store")  # 3.2, on a user's machine as here
    explorer = Explorer(
        Operator(task_id="submit", model="sora-2", prompt="a cat", **TIMES, **MODES[mode], **permission.options),
        permission,
    )
    with structlog.testing.capture_logs():
        paths = explorer.paths(Situation("execute", permission.begin))
    counted = (len(explorer.known), explorer.processes, paths)
    request.node.user_properties.append(("situations, processes, paths", counted))  # for the JUnit report
    minimum = MIN_COUNTS[mode, allowed]
    assert all(number >= least for number, least in zip(counted, minimum, strict=True)), counted
    assert set(explorer.ends) >= (ENDS if mode == "submit-only" else ENDS | ENDS_OF_A_WAIT)
