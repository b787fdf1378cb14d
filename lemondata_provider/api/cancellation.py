"""What came of a request to cancel a task, and what it means for the money. Source: docs.lemondata.cc (cancel-task)."""

from __future__ import annotations

from lemondata_provider.api.errors import LemonDataError, TaskNotFoundError
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.task import Task

NOT_CANCELLED = "was not cancelled"
_WHY_NOT = {
    "task_not_cancellable": "it is running already and is charged, or has ended",
    "unsupported_task_cancel": "tasks of this model cannot be cancelled; it goes on, and is charged",
}


def outcome(task_id: str, answer: Task | LemonDataError) -> str:
    """
    Say what came of a request to cancel a task.

    :param task_id: LemonData's id of the task.
    :param answer: the answer to the request, or the error that came instead.
    """
    if isinstance(answer, Task):
        if answer.cancelled or answer.cancellation_status == "cancelled":
            return f"Task {task_id} was cancelled at LemonData before it began."
        return f"LemonData was asked to cancel task {task_id}, and says that it is {answer.status.value}."
    if why := _WHY_NOT.get(answer.code or ""):
        return f"Task {task_id} {NOT_CANCELLED}: {why}."
    if isinstance(answer, TaskNotFoundError):
        return f"Task {task_id} {NOT_CANCELLED}: LemonData does not know it, or no longer."
    if classify_submit_error(answer) is not SubmitOutcome.UNKNOWN:
        return f"Task {task_id} {NOT_CANCELLED}, and may be charged: {answer}"
    return f"Whether task {task_id} was cancelled is not known, so it may be charged: {answer}"
