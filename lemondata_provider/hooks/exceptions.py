"""How an error of LemonData ends an Airflow task: at once, or after the retries that may help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from lemondata_provider.api.errors import APIError, LemonDataError, TaskTimeoutError
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error


class KilledError(AirflowException):
    """Airflow is ending this process, and nothing was submitted by it; a retry submits."""


class LemonDataFailException(AirflowFailException):
    """
    A failure that a retry would only repeat, or pay for again: Airflow fails the task at once and does not retry.

    :param error: what happened; failure callbacks find it as ``exception.error``, and the task's id and poll URL
        as ``exception.task_id`` and ``exception.poll_url``.
    """

    def __init__(self, error: LemonDataError) -> None:
        super().__init__(str(error))
        self.error = error
        self.task_id = error.task_id
        self.poll_url = error.poll_url
        self.request_id = error.request_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.error,)


def to_airflow_error(error: LemonDataError) -> Exception:
    """Return what to raise in an Airflow task: final errors fail it without a retry, others rise as they are."""
    return LemonDataFailException(error) if error.final else error


@contextmanager
def submit_errors_as_airflow_errors(retry_policy: Any) -> Iterator[None]:
    """
    Translate the error of a failed submit.

    A refused submit cost nothing: the retry policy of the task decides about a retry, if it has one. The log of the
    task shows the reason, and not the frames of the HTTP client below it.
    """
    try:
        yield
    except LemonDataError as error:
        refused = isinstance(error, APIError) and classify_submit_error(error) is SubmitOutcome.REFUSED
        translated = error if refused and retry_policy else to_airflow_error(error)
        raise (error.replace() if translated is error else translated) from None


@contextmanager
def naming_task(get_task: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """
    Let a failure callback find ``error``, ``task_id``, ``poll_url`` and ``request_id`` on whatever is raised.

    :param get_task: returns what is known of the task when something is raised.
    """
    try:
        yield
    except (Exception, AirflowTaskTimeout) as exception:
        task = get_task()
        error = error_behind(exception) or _new_error(exception, task)
        facts = {name: getattr(error, name) or task.get(name) for name in ("task_id", "poll_url", "request_id")}
        for name, value in {"error": error, **facts}.items():
            if getattr(exception, name, None) is None:
                setattr(exception, name, value)
        raise


def error_behind(exception: BaseException | None) -> LemonDataError | None:
    """Return the error of LemonData that an exception carries or came from, if there is one."""
    while exception is not None:
        error = exception if isinstance(exception, LemonDataError) else getattr(exception, "error", None)
        if isinstance(error, LemonDataError):
            return error
        exception = exception.__cause__
    return None


def _new_error(exception: BaseException, task: Mapping[str, Any]) -> LemonDataError:
    is_timeout = isinstance(exception, (AirflowSensorTimeout, AirflowSkipException, AirflowTaskTimeout))
    kind = TaskTimeoutError if is_timeout else LemonDataError
    return kind(str(exception), task_id=task.get("task_id"), poll_url=task.get("poll_url"))
