"""
What the next step is for one task that is waited for: pure decisions that take ``now``.

The trigger, the sensor's pokes and the waiting in a worker all ask this module, so that they cannot come to
different ends. Source: https://docs.lemondata.cc (get-video-status, get-task-status).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from lemondata_provider.api.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LemonDataError,
    MissingVideoError,
    TaskFailedError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from lemondata_provider.api.models import Task, TaskStatus

REFUSALS = 3  # looks in a row at which the connection did not work
LOOKS_FOR_VIDEO = 3  # more looks at a completed task that shows no video
DOUBT_SECONDS = 10.0  # a task is gone when two looks this far apart say so
SHORTEST_PAUSE = 1.0  # before a look that progress calls for
WRONG_GUESSES = 2  # looks that progress called for too early, after which it is not believed
LONGEST_PAUSE = 60.0  # between two looks while the service has trouble, if the poll interval is not longer


@dataclass(frozen=True)
class LookAgain:
    """
    Not ended yet.

    :param delay: seconds until the next look.
    :param trouble: why this look told nothing, if it did not.
    :param doubtful: whether this may be an end that another look has to confirm.
    """

    delay: float
    trouble: LemonDataError | None = None
    doubtful: bool = False

    @property
    def needs_connection(self) -> bool:
        """Say whether the connection should be looked up again: its key was refused, or it could not be used."""
        return isinstance(self.trouble, _REFUSED)


@dataclass(frozen=True)
class Ended:
    """Ended: with a finished task, or with the error that says why there is none."""

    task: Task | None = None
    error: LemonDataError | None = None


Step = LookAgain | Ended


def in_seconds(name: str, value: float | timedelta) -> float:
    """
    Return a duration in seconds.

    :raises InvalidRequestError: unless it is a number of seconds above 0, or a timedelta.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
        shown = repr(value) if isinstance(value, (int, float, str, timedelta)) else type(value).__name__
        raise InvalidRequestError(f"{name} must be a number of seconds above 0, not {shown}")
    return float(seconds)


_REFUSED = (AuthenticationError, AccessDeniedError, ConfigurationError)


class Wait:
    """
    What has been seen of one task, and what follows from it.

    :param task_id: LemonData's id of the task.
    :param poll_url: where it is looked at.
    :param poll_interval: the pause aimed at between two looks, in seconds.
    :param deadline: Unix seconds; the task is looked at once more when it has come.
    :param jitter: random numbers from 0 to 1.
    """

    def __init__(
        self,
        task_id: str,
        poll_url: str,
        *,
        poll_interval: float,
        deadline: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.task_id = task_id
        self.poll_url = poll_url
        self.poll_interval = poll_interval
        self.deadline = deadline
        self._jitter = jitter
        self._troubles = 0
        self._refusals = 0
        self._gone_since: float | None = None
        self._looks_for_video = 0
        self._told: tuple[TaskStatus, float] | None = None
        self.seen = Task(id=task_id, poll_url=poll_url)  # as the last answer described it
        self._guessed = False
        self._wrong_guesses = 0

    def start(self, now: float) -> LookAgain:
        """Return when to look first: the create is just behind us, so after one pause, or at a deadline before it."""
        return self._pause(self.poll_interval, now)

    def answered(self, task: Task, now: float) -> Step:
        """Decide after an answer."""
        self.seen = task
        self._troubles = self._refusals = 0
        self._gone_since = None
        if task.status is TaskStatus.FAILED:
            return Ended(error=self._failure(task))
        if task.status is TaskStatus.COMPLETED:
            return Ended(task=task) if task.videos else self._without_video()
        if now >= self.deadline:
            return self._timed_out(f"it was {task.status.value} when last seen")
        return self._pause(self._until_next(task, now), now)

    def failed(self, error: LemonDataError, now: float) -> Step:
        """Decide after a look that brought no answer: most troubles pass, and never end a wait that is paid for."""
        self._troubles += 1
        self._refusals = self._refusals + 1 if isinstance(error, _REFUSED) else 0
        if isinstance(error, TaskNotFoundError):
            return self._not_found(error, now)
        self._gone_since = None
        if self._refusals >= REFUSALS:
            return Ended(error=self._about_this_task(error))
        if now >= self.deadline:
            return self._timed_out(f"the last look failed: {error.message}")
        if self._refusals:
            return self._pause(self.poll_interval, now, error, doubtful=True)
        return self._pause(self._after_trouble(error), now, error)

    def news(self, task: Task) -> str | None:
        """Return what is worth telling of an answer: another status, or ten percent more."""
        progress = task.progress or 0.0
        if self._told and self._told[0] is task.status and progress < self._told[1] + 10:
            return None
        self._told = (task.status, progress)
        percent = "" if task.progress is None else f", {task.progress:.0f} %"
        return f"Task {self.task_id} is {task.status.value}{percent}"

    def _until_next(self, task: Task, now: float) -> float:
        """Return the interval, or less where progress foretells the end before it: a video is then noticed at once."""
        self._wrong_guesses += self._guessed
        foretold = _foretold_end(task, now) if self._wrong_guesses < WRONG_GUESSES else None
        self._guessed = foretold is not None and foretold < self.poll_interval
        return max(foretold or 0.0, min(SHORTEST_PAUSE, self.poll_interval)) if self._guessed else self.poll_interval

    def _after_trouble(self, error: LemonDataError) -> float:
        if error.retry_after is not None:
            return max(self.poll_interval, error.retry_after + self._jitter())
        backoff = self.poll_interval * 2.0 ** min(self._troubles - 1, 10)
        return max(self.poll_interval, min(backoff, LONGEST_PAUSE) * (0.5 + self._jitter() / 2))

    def _pause(
        self, seconds: float, now: float, trouble: LemonDataError | None = None, doubtful: bool = False
    ) -> LookAgain:
        return LookAgain(min(seconds, max(self.deadline - now, 0.0)), trouble, doubtful)

    def _not_found(self, error: TaskNotFoundError, now: float) -> Step:
        if self._gone_since is None:
            self._gone_since = now
        elif now - self._gone_since >= DOUBT_SECONDS:
            return Ended(error=self._about_this_task(error))
        rest = min(self._gone_since + DOUBT_SECONDS - now, DOUBT_SECONDS)  # a clock may be set back
        return LookAgain(rest, error, doubtful=True)

    def _without_video(self) -> Step:
        self._looks_for_video += 1
        error = self._about_this_task(MissingVideoError("The task completed, and no answer shows a video URL."))
        if self._looks_for_video > LOOKS_FOR_VIDEO:
            return Ended(error=error)
        return LookAgain(min(self.poll_interval, DOUBT_SECONDS), error, doubtful=True)

    def _failure(self, task: Task) -> LemonDataError:
        what = "was cancelled" if task.cancelled else "failed"
        word = str(task.raw.get("status")).strip().lower()
        told = f"its status is {word!r}" if word != "failed" else "no reason given"
        reason = (task.error and (task.error.message or task.error.code)) or told
        code = task.error.code if task.error else None
        return self._about_this_task(TaskFailedError(f"The generation {what} at LemonData: {reason}", code=code))

    def _timed_out(self, last: str) -> Ended:
        return Ended(
            error=self._about_this_task(
                TaskTimeoutError(
                    f"The deadline came before the video; {last}. The task may still finish and is paid for: "
                    f"TaskSensor(poll_url={self.poll_url!r}) picks it up without paying again."
                )
            )
        )

    def _about_this_task(self, error: LemonDataError) -> LemonDataError:
        error.task_id, error.poll_url = self.task_id, self.poll_url
        return error


def _foretold_end(task: Task, now: float) -> float | None:
    """Return the seconds until the end if the task goes on as fast as it did so far; nothing where that is not told."""
    if not (task.created and task.progress):
        return None
    age = now - task.created.timestamp()
    return age * (100.0 / task.progress - 1.0) if age > 0 else None
