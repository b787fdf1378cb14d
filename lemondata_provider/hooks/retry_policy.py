"""Decide whether and when an Airflow task retries after a LemonData error (Airflow 3.3 and newer)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.hooks.version_compat import HAS_RETRY_POLICIES, RetryDecision, RetryPolicy

MAX_DELAY = 86_400.0  # seconds, for any retry-after of the service
MAX_JITTER = 10.0  # seconds


class LemonDataRetryPolicy(RetryPolicy):
    """
    Decide whether a LemonData error is retried; the default policy of the provider's operators and sensors.

    Authentication, balance, access and contract errors fail at once, since a retry repeats them. Rate limits and
    service errors are retried after the service's retry-after. Airflow decides on any other exception.
    Errors about a video that is paid for fail the task before the policy runs, unless you ask for a retry.

    Source: https://docs.lemondata.cc (error-handling).
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> Any:
        """
        Return the decision about an exception.

        :param exception: exception of the task.
        :param try_number: number of this try, from 1.
        :param max_tries: maximum number of tries.
        :param context: Airflow's context.
        """
        if not isinstance(exception, LemonDataError):
            return RetryDecision.default()
        if exception.final:
            return RetryDecision.fail(reason=str(exception))
        return RetryDecision.retry(delay=retry_delay(exception.retry_after), reason=str(exception))

    def serialize(self) -> dict[str, Any]:
        """Return the policy's arguments: none."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> LemonDataRetryPolicy:
        """Return the policy from the result of :meth:`serialize`."""
        return cls(**data)


def retry_delay(retry_after: float | None, jitter: Callable[[], float] = random.random) -> timedelta | None:
    """
    Return the delay before a retry, or None for the task's own delay.

    :param retry_after: seconds, from the service; random jitter on top spreads the retries of many tasks.
    :param jitter: random numbers from 0 to 1.
    """
    if retry_after is None:
        return None
    return timedelta(seconds=min(retry_after, MAX_DELAY) + min(retry_after, MAX_JITTER) * jitter())


def with_retry_policy(arguments: dict[str, Any], retry_policy: Any) -> dict[str, Any]:
    """
    Return an operator's arguments with a retry policy, if this Airflow has retry policies or you pass one.

    Mapped tasks take the policy from constructor arguments only, not from class attributes or argument defaults.
    """
    if HAS_RETRY_POLICIES or retry_policy is not None:
        arguments["retry_policy"] = retry_policy or LemonDataRetryPolicy()
    return arguments
