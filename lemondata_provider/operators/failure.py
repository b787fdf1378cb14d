"""The exception of a task that is paid for and has no video."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from lemondata_provider.api.cancellation import NOT_CANCELLED
from lemondata_provider.api.errors import LemonDataError, TaskFailedError, TaskTimeoutError
from lemondata_provider.api.polling import STILL_RUNNING
from lemondata_provider.hooks.exceptions import LemonDataFailException, to_airflow_error
from lemondata_provider.operators.store import store_of


def failure(operator: Any, context: Context, error: LemonDataError) -> Exception:
    """
    Return the exception to raise for a task that is paid for.

    :param operator: an operator with ``durable``, ``hook``, ``on_timeout`` and ``resubmit_failed``.
    :param context: Airflow's context; without a record in its store a retry would pay again.
    :param error: the end of the task, or of the wait for it.
    """
    if isinstance(error, TaskFailedError) and operator.resubmit_failed:
        return error.replace(final=False)  # a retry submits again
    if isinstance(error, TaskTimeoutError) and error.task_id and operator.on_timeout == "cancel":
        cancellation = operator.hook.cancel(error.task_id)
        what_happened, _, _ = error.message.partition(f" {STILL_RUNNING}")
        kept = error.message if NOT_CANCELLED in cancellation else what_happened
        error = error.replace(message=f"{kept} on_timeout='cancel': {cancellation}")
    has_record = operator.durable and store_of(context) is not None
    return to_airflow_error(error) if has_record else LemonDataFailException(error)
