"""A task that is paid for ends its task instance so that no retry pays again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.ending import success
from lemondata_provider.operators.output import NO_FILE
from lemondata_provider.operators.record import ENDED_KEY
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import briefly

RESULT = {"task_id": "ldtask_1", "poll_url": "/v1/tasks/ldtask_1", "video_url": "https://x.test/v.mp4"}


class Outage:
    """A task instance whose first pushes fail."""

    id, try_number = "try-1", 1

    def __init__(self, pushes: int) -> None:
        self.left = pushes
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.left -= 1
        if self.left >= 0:
            raise RuntimeError("the API server is away")
        self.xcoms[key] = value


def operator(sleep: Callable[[float], None] = briefly, prompt: str = "a cat", **fields: Any) -> SubmitVideoOperator:
    op = SubmitVideoOperator(task_id="submit", model="sora-2", prompt=prompt, **fields)
    op.sleep = sleep
    return op


def test_success_without_a_record_pushes_the_result_through_an_outage():
    ti, pauses = Outage(3), list[float]()
    context: Any = {"ti": ti}
    result = success(operator(sleep=pauses.append), context, RESULT)
    assert result == {**NO_FILE, **RESULT}
    assert ti.xcoms == {"return_value": result, "video_url": RESULT["video_url"]}
    assert len(pauses) == 3


def test_success_without_a_record_that_cannot_be_pushed_fails_without_a_retry():
    context: Any = {"ti": Outage(1)}
    with pytest.raises(LemonDataFailException, match="the API server is away") as failure:
        success(operator(), context, RESULT, timeout=0)
    assert (failure.value.task_id, failure.value.poll_url) == ("ldtask_1", "/v1/tasks/ldtask_1")
    assert "TaskSensor(poll_url='/v1/tasks/ldtask_1')" in str(failure.value)


@pytest.mark.parametrize("fields", [{"do_xcom_push": False}, {}])
def test_success_with_a_record_or_without_xcoms_pushes_the_url_only(fields, task_state_store):
    ti = Outage(0)
    context: Any = {"ti": ti} if fields else {"ti": ti, "task_state_store": task_state_store}
    success(operator(**fields), context, RESULT)
    assert ti.xcoms == {"video_url": RESULT["video_url"]}


@pytest.mark.parametrize("wait", [True, False])
def test_execute_retries_lowered_clear_with_another_prompt_submits_it(sandbox, context: Any, task_state_store, wait):
    """Airflow sets max_tries to the number of tries plus the retries, which may be what it was."""
    sandbox.configure(pending_seconds=0, generation_seconds=0)
    fields: dict[str, Any] = {"wait_for_completion": wait, "deferrable": False, "poll_interval": 0.05}
    context["dag_run"] = Run(0)
    operator(**fields).execute(context)
    assert task_state_store[ENDED_KEY]["clear_number"] == 0
    context["ti"].try_number, context["dag_run"] = 2, Run(1)
    operator(prompt="a dog", **fields).execute(context)
    assert len(sandbox.ledger.creates) == 2


class Run:
    """A run of a DAG."""

    def __init__(self, clear_number: int) -> None:
        self.clear_number = clear_number
