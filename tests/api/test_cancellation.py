from __future__ import annotations

import pytest

from lemondata_provider.api.cancellation import outcome
from lemondata_provider.api.errors import AnswerLostError, BadRequestError, TaskNotFoundError
from lemondata_provider.api.task import Task


def task(**fields: object) -> Task:
    return Task.read(fields, "t", "/v1/tasks/t")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (task(status="failed", cancelled=True), "Task t was cancelled at LemonData before it began."),
        (task(status="processing"), "was asked to cancel task t, and says that it is processing"),
        (
            BadRequestError("409", code="task_not_cancellable"),
            "not cancelled: it is running already and is charged, or has ended",
        ),
        (BadRequestError("400", code="unsupported_task_cancel"), "not cancelled: tasks of this model cannot be"),
        (TaskNotFoundError("404"), "not cancelled: LemonData does not know it"),
        (AnswerLostError("reset"), "is not known, so it may be charged: reset"),
    ],
)
def test_outcome_any_answer_says_whether_the_task_is_charged(answer, said):
    assert said in outcome("t", answer)
