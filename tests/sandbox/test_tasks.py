from __future__ import annotations

import pytest

from lemondata_provider.sandbox.orders import take_order
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.tasks import CANCELLABLE, Task, new_task

SETTINGS = Settings(pending_seconds=2, generation_seconds=10)


def task(prompt: str = "a cat", model: str = "sora-2", settings: Settings = SETTINGS) -> Task:
    return new_task(("t1", ""), "sk", take_order({"model": model, "prompt": prompt}, settings), settings, 100.0)


def test_a_task_waits_runs_and_completes():
    states = [(now, task().status(now), task().progress(now)) for now in (100, 101.9, 102, 105, 109.99, 110, 999)]
    assert states == [
        (100, "pending", 0),
        (101.9, "pending", 0),
        (102, "processing", 20),
        (105, "processing", 50),
        (109.99, "processing", 99),
        (110, "completed", 100),
        (999, "completed", 100),
    ]


def test_changes_are_dated():
    assert [task().changed(now) for now in (101, 103, 200)] == [100, 102, 110]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a [fail] cat", "The model could not produce this video."),
        ("[fail:The prompt was blocked.]", "The prompt was blocked."),
    ],
)
def test_a_prompt_can_ask_for_a_failure(prompt, message):
    failing = task(prompt)
    assert failing.status(109) == "processing"
    assert failing.status(110) == "failed"
    assert failing.progress(110) == 99
    assert failing.reason() == {"code": "generation_failed", "message": message}


def test_a_prompt_can_ask_for_a_task_that_never_ends():
    endless = task("[forever]")
    assert endless.status(1e9) == "processing"
    assert endless.progress(1e9) == 99
    assert endless.changed(1e9) == 102


def test_a_prompt_can_ask_for_a_task_that_never_begins_and_can_be_cancelled():
    queued = task("[queued]", model="seedance-2.0")
    assert (queued.status(1e9), queued.progress(1e9), queued.changed(1e9)) == ("pending", 0, 100)
    assert queued.cancel(1e9).status(1e9) == "failed"


def test_a_task_that_takes_no_time_is_complete_at_once():
    instant = task(settings=Settings(pending_seconds=5, generation_seconds=0))
    assert instant.status(100) == "completed"


@pytest.mark.parametrize("model", sorted(CANCELLABLE))
def test_a_queued_task_of_some_models_can_be_cancelled(model):
    cancelled = task(model=model).cancel(101)
    assert (cancelled.status(101), cancelled.progress(500), cancelled.changed(500)) == ("failed", 0, 101)
    assert cancelled.reason()["code"] == "task_cancelled"


@pytest.mark.parametrize(
    ("model", "now", "status", "code"),
    [
        ("sora-2", 101, 400, "unsupported_task_cancel"),
        ("seedance-2.0", 105, 409, "task_not_cancellable"),
        ("seedance-2.0", 110, 409, "task_not_cancellable"),
    ],
)
def test_any_other_task_cannot_be_cancelled(model, now, status, code):
    with pytest.raises(Refusal) as refusal:
        task(model=model).cancel(now)
    assert (refusal.value.status, refusal.value.code) == (status, code)


def test_a_cancelled_task_cannot_be_cancelled_again():
    with pytest.raises(Refusal, match="The task is failed"):
        task(model="seedance-2.0").cancel(101).cancel(101)
