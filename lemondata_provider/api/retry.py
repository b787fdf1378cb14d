"""When a call is sent again, and after what pause: for both clients. Source: docs.lemondata.cc (rate-limits)."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, retry_if_exception

from lemondata_provider.api.calls import Call
from lemondata_provider.api.errors import ConfigurationError, ConnectionFailedError, LemonDataError
from lemondata_provider.api.submit_outcome import is_refused_for_now

log = logging.getLogger(__name__)

MAX_BACKOFF = 16.0  # seconds
RETRY_TIMEOUT = 60.0  # how long a request is repeated before the error rises to the caller


def is_retryable(call: Call[Any], error: BaseException) -> bool:
    """Say whether a failed call may be sent again: a read on passing trouble, a create if it surely did nothing."""
    if not isinstance(error, LemonDataError) or isinstance(error, ConfigurationError):
        return False
    if call.method == "GET":
        return not error.final
    return isinstance(error, ConnectionFailedError) or is_refused_for_now(error)


def backoff(attempt: int, error: BaseException | None, jitter: Callable[[], float] = random.random) -> float:
    """
    Return the seconds to wait after a failure: 1, 2, 4 … 16 with jitter.

    What the service asks for is waited first, and then as long a time again at random, or up to the backoff: hundreds
    of workers that were refused in one second must not come back in one.
    """
    backoff = min(2.0 ** (attempt - 1), MAX_BACKOFF)
    asked: float | None = getattr(error, "retry_after", None)
    if asked is None:
        return backoff * (0.5 + jitter())
    return asked + max(backoff, min(asked, MAX_BACKOFF)) * jitter()


def retry_options(call: Call[Any]) -> dict[str, Any]:
    """Return the arguments that tell tenacity, sync or async, when to send a call again."""

    def wait(state: RetryCallState) -> float:
        return backoff(state.attempt_number, _error_of(state))

    def stop(state: RetryCallState) -> bool:
        spent = max(state.idle_for, state.seconds_since_start or 0.0)
        return spent + state.upcoming_sleep > RETRY_TIMEOUT

    def before_sleep(state: RetryCallState) -> None:
        log.warning("%s; %s again in %.1f s", _error_of(state), call.method, state.upcoming_sleep)

    retry = retry_if_exception(lambda error: is_retryable(call, error))
    return {"wait": wait, "stop": stop, "retry": retry, "before_sleep": before_sleep, "reraise": True}


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
