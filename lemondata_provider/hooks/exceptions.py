"""How an error of LemonData ends an Airflow task: at once, or after the retries that may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from lemondata_provider.api.errors import APIError, LemonDataError
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

    A refused submit cost nothing: the retry policy of the task decides about a retry, if it has one.
    """
    try:
        yield
    except LemonDataError as error:
        refused = isinstance(error, APIError) and classify_submit_error(error) is SubmitOutcome.REFUSED
        translated = error if refused and retry_policy else to_airflow_error(error)
        if translated is error:
            raise  # an error must not become its own cause
        raise translated from error
