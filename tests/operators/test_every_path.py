"""
Every path of a video through crashes, lost answers, retries and a clear, counted.

A *situation* is what a process finds when it starts. From each one all processes are run that LemonData's answers can
make of it; what they leave, and what each kill on their way leaves, are the next situations. Equal situations have
equal futures: each is explored once, and the paths through it count as often as a path leads there.
"""

from __future__ import annotations

import os
import time
from random import Random
from typing import Any

import airflow.sdk
import pytest
import structlog

from tests.operators.explored_operator import Operator
from tests.operators.explored_world import (
    CREATES,
    FEW_CREATES,
    NO_MODEL,
    TIMES,
    TROUBLES,
    RandomChooser,
    Rules,
    World,
)
from tests.operators.explorer import Explorer, Permission, Situation

pytestmark = pytest.mark.slow  # thousands of processes
MODES: dict[str, dict[str, Any]] = {
    "submit-only": {},
    "deferred": {"wait_for_completion": True},
    "worker-waiting": {"wait_for_completion": True, "deferrable": False},
    "kept": {"output_path": "/clips/clip.mp4"},
    "kept by the worker": {"output_path": "/clips/clip.mp4", "deferrable": False},
}
BACK = Situation("execute", World(), tries=1, clears=("B", "A"))
PERMISSIONS = {
    "nothing allowed": Permission(rules=Rules(troubles=TROUBLES)),
    "resubmit what is unknown": Permission(
        {"on_unknown_submit": "resubmit"},
        Rules(lambda task, named: task.is_cleared_and_gone or not named),
        keeps_all=False,  # the record of the next create takes the place of the intent
    ),
    "regenerate": Permission({"on_clear": "regenerate"}, Rules(lambda task, named: task.cleared, replaces_files=True)),
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
    ("kept", "nothing allowed"): (250, 700, 150_000_000),
    ("kept", "regenerate"): (200, 560, 5_000_000),
    ("kept", "no store"): (70, 180, 10_000),
    ("kept", "another request and back"): (300, 500, 500_000),
    ("kept by the worker", "nothing allowed"): (60, 565, 1_500_000),
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
    ends |= {"BrokenDownloadError"} if explorer.operator.output_path else set()
    assert set(explorer.ends) >= ends - ({"RateLimitError"} if permission.rules.creates != CREATES else set())


@pytest.mark.parametrize("mode", [*MODES])
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
