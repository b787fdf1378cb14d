from __future__ import annotations

import pytest

from lemondata_provider.sandbox.orders import take_order
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.tasks import CANCELLABLE, Task, new_task

SETTINGS = Settings(pending_seconds=2, generation_seconds=10)


def task(prompt: str = "a cat", model: str = "sora-2", settings: Settings = SETTINGS) -> Task:
    return new_task(("t1", ""), "sk", take_order({"model": model, "prompt": prompt}, settings), settings, 100.0)


def test_task_time_passes_is_pending_then_processing_then_completed():
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


def test_changed_each_status_is_the_time_of_the_transition():
    assert [task().changed(now) for now in (101, 103, 200)] == [100, 102, 110]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a [fail] cat", "The model could not produce this video."),
        ("[fail:The prompt was blocked.]", "The prompt was blocked."),
    ],
)
def test_task_prompt_fail_fails_with_the_message(prompt, message):
    failing = task(prompt)
    assert failing.status(109) == "processing"
    assert failing.status(110) == "failed"
    assert failing.progress(110) == 99
    assert failing.reason() == {"code": "generation_failed", "message": message}


def test_task_prompt_forever_never_ends():
    endless = task("[forever]")
    assert endless.status(1e9) == "processing"
    assert endless.progress(1e9) == 99
    assert endless.changed(1e9) == 102


def test_task_prompt_queued_stays_pending_and_can_be_cancelled():
    queued = task("[queued]", model="seedance-2.0")
    assert (queued.status(1e9), queued.progress(1e9), queued.changed(1e9)) == ("pending", 0, 100)
    assert queued.cancel(1e9).status(1e9) == "failed"


def test_task_generation_seconds_zero_is_completed_at_once():
    instant = task(settings=Settings(pending_seconds=5, generation_seconds=0))
    assert instant.status(100) == "completed"


@pytest.mark.parametrize("model", sorted(CANCELLABLE))
def test_cancel_queued_task_of_a_cancellable_model_fails_it(model):
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
def test_cancel_other_task_is_refused(model, now, status, code):
    with pytest.raises(Refusal) as refusal:
        task(model=model).cancel(now)
    assert (refusal.value.status, refusal.value.code) == (status, code)


def test_cancel_cancelled_task_is_refused():
    with pytest.raises(Refusal, match="The task is failed"):
        task(model="seedance-2.0").cancel(101).cancel(101)
