"""What an Airflow task does after an error of LemonData (Airflow 3.3 and newer): fail at once, or retry, and when."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.hooks.version_compat import HAS_RETRY_POLICIES, RetryDecision, RetryPolicy

MAX_DELAY = 86_400.0  # whatever the service asks for
MAX_JITTER = 10.0


class LemonDataRetryPolicy(RetryPolicy):
    """
    Turn an error of LemonData into a decision; our operators and sensors have it unless another one is given.

    A retry repeats authentication, balance, access and contract errors, so these fail at once. Too many requests and
    trouble of the service are retried, after the time that the service asked for. Anything else is Airflow's to decide.
    An error about a video that is paid for comes here only where a retry was asked for; otherwise it fails the task.

    Source: https://docs.lemondata.cc (error-handling).
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> Any:
        """
        Decide what follows from an exception.

        :param exception: what the task raised.
        :param try_number: which try this was, from 1.
        :param max_tries: how many tries there may be.
        :param context: Airflow's context.
        """
        if not isinstance(exception, LemonDataError):
            return RetryDecision.default()
        if exception.final:
            return RetryDecision.fail(reason=str(exception))
        return RetryDecision.retry(delay=delay_after(exception.retry_after), reason=str(exception))

    def serialize(self) -> dict[str, Any]:
        """Return what the policy is made of: nothing."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> LemonDataRetryPolicy:
        """Return the policy that :meth:`serialize` told."""
        return cls(**data)


def delay_after(asked: float | None, jitter: Callable[[], float] = random.random) -> timedelta | None:
    """
    Return how long to wait before a retry, or nothing where the task's own delay holds.

    :param asked: the seconds that the service asked for; some more at random keep tasks from coming back all at once.
    :param jitter: random numbers from 0 to 1.
    """
    if asked is None:
        return None
    return timedelta(seconds=min(asked, MAX_DELAY) + min(asked, MAX_JITTER) * jitter())


def with_retry_policy(arguments: dict[str, Any], retry_policy: Any) -> dict[str, Any]:
    """
    Return an operator's arguments with a retry policy, where Airflow knows such a thing or one was given.

    Only a constructor's argument reaches mapped tasks: neither a class attribute nor a default in the arguments does.
    """
    if HAS_RETRY_POLICIES or retry_policy is not None:
        arguments["retry_policy"] = retry_policy or LemonDataRetryPolicy()
    return arguments
