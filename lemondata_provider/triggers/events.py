"""The one event shape of this provider, built by the trigger and checked by the method that resumes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, model_validator

from lemondata_provider.api.errors import LemonDataError, error_from_dict
from lemondata_provider.api.polling import Completed, Failed, TaskWait
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.storable import storable

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class TaskEvent(BaseModel):
    """
    How the wait for one task ended: with a result, or with an error.

    :param task_id: LemonData's id of the task.
    :param poll_url: its poll URL.
    :param result: the finished task, as :meth:`Task.result` gives it.
    :param error: why the wait failed, as :meth:`LemonDataError.to_dict` gives it.
    :param first_progress: Unix seconds at which the trigger saw the task begin, if it did.
    """

    model_config = ConfigDict(defer_build=True)

    task_id: str
    poll_url: str
    result: dict[str, JsonValue] | None = None
    error: dict[str, JsonValue] | None = None
    first_progress: float | None = None

    @model_validator(mode="after")
    def _one_end(self) -> TaskEvent:
        if (self.result is None) == (self.error is None):
            raise ValueError("an event has either a result or an error")
        return self

    @classmethod
    def from_end(cls, end: Completed | Failed, wait: TaskWait, first_progress: float | None = None) -> TaskEvent:
        """Build the event for the end of a wait."""
        end_fields = {"result": end.task.result()} if isinstance(end, Completed) else {"error": end.error.to_dict()}
        # Whatever was let through before: an event that cannot be stored ends the whole triggerer.
        return cls(task_id=wait.task_id, poll_url=wait.poll_url, first_progress=first_progress, **storable(end_fields))

    def exception(self) -> LemonDataError | None:
        """Return the error that ended the wait, if one did."""
        if self.error is None:
            return None
        names = {
            "task_id": self.error.get("task_id") or self.task_id,
            "poll_url": self.error.get("poll_url") or self.poll_url,
        }
        return error_from_dict({**self.error, **names})


def read_event(event: Any, task_id: str | None, poll_url: str | None) -> TaskEvent:
    """
    Check an event that a trigger sent.

    :param event: the value that Airflow passes to the resuming method.
    :param task_id: the task that is waited for, if known.
    :param poll_url: its poll URL.
    :raises LemonDataError: if it is not an event of this shape, or is about another task.
    """
    try:
        read = TaskEvent.model_validate(event)
    except ValidationError as error:
        problem = f"{error.error_count()} fields are wrong"
    else:
        if task_id in (None, read.task_id):
            return read
        problem = f"it is about the task {read.task_id}"
    raise LemonDataError(
        f"The trigger sent an unusable event ({problem}); the task at LemonData is unchanged.",
        task_id=task_id,
        poll_url=poll_url,
    )


def with_video_url(context: Context, result: dict[str, Any]) -> dict[str, Any]:
    """
    Log the URL of a finished video, push it as an XCom of its own, and return the whole result.

    Airflow reads ``task.output["video_url"]`` as the XCom named ``video_url``, not as an item of the returned dict.
    """
    url, _, _ = str(result["video_url"]).partition("?")  # a query may be signed
    log.info("Task %s completed: %s", result.get("task_id"), redact(url))
    context["ti"].xcom_push(key="video_url", value=result["video_url"])
    return result
