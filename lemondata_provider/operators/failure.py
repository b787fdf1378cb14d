"""The exception of a task that is paid for and has no video."""

from __future__ import annotations

from typing import Any

from lemondata_provider.api.errors import LemonDataError, TaskFailedError, TaskTimeoutError
from lemondata_provider.hooks.exceptions import LemonDataFailException, to_airflow_error


def failure(operator: Any, error: LemonDataError, has_record: bool) -> Exception:
    """
    Return the exception to raise for a task that is paid for.

    :param operator: an operator with ``hook``, ``on_timeout`` and ``resubmit_failed``.
    :param error: the end of the task, or of the wait for it.
    :param has_record: whether a retry finds the task; without a record it would pay again.
    """
    if isinstance(error, TaskFailedError) and operator.resubmit_failed:
        return error.replace(final=False)  # a retry submits again
    if isinstance(error, TaskTimeoutError) and error.task_id and operator.on_timeout == "cancel":
        cancellation = operator.hook.cancel(error.task_id)
        error = error.replace(message=f"{error.message} on_timeout='cancel': {cancellation}")
    return to_airflow_error(error) if has_record else LemonDataFailException(error)
