"""How long to wait after a failed poll: the same for a paid task and for a list of models."""

from __future__ import annotations

from collections.abc import Callable

MAX_PAUSE = 60.0  # seconds between two polls during an outage, unless the poll interval is longer
MAX_RETRY_AFTER = 120.0  # whatever the service asks for: a rate limit is over in a minute


def pause_after_failure(
    error: BaseException, failures: int, poll_interval: float, jitter: Callable[[], float]
) -> float:
    """
    Return the seconds until the next poll.

    :param error: why the last poll failed; its ``retry_after`` is waited, within reason.
    :param failures: how many polls in a row have failed.
    :param poll_interval: the shortest pause, in seconds.
    :param jitter: random numbers from 0 to 1.
    """
    retry_after: float | None = getattr(error, "retry_after", None)
    if retry_after is not None:
        return max(poll_interval, min(retry_after, MAX_RETRY_AFTER) + jitter())
    backoff = min(poll_interval * 2.0 ** min(failures - 1, 10), MAX_PAUSE)
    return max(poll_interval, backoff * (0.5 + jitter() / 2))
