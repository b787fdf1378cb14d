"""
What follows from one poll of a task: pure decisions that take ``now``.

The trigger, the sensor's pokes and the wait in a worker all ask this module, so they cannot disagree. Source:
https://docs.lemondata.cc (get-video-status, get-task-status).
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
from lemondata_provider.api.forecast import Forecast, TaskTimeline
from lemondata_provider.api.task import Task, TaskStatus

MAX_REFUSALS = 3  # polls in a row that the connection's key or settings fail
MAX_POLLS_FOR_VIDEO = 3  # more polls of a completed task that shows no video
CONFIRMATION_SECONDS = 10.0  # two polls this far apart confirm that a task is gone
PROGRESS_MESSAGE_SECONDS = 30.0  # after this time any progress is worth a log line
MAX_PAUSE = 60.0  # seconds between two polls during an outage, unless the poll interval is longer
_REFUSED = (AuthenticationError, AccessDeniedError, ConfigurationError)


@dataclass(frozen=True, slots=True)
class TaskWait:
    """
    One task to wait for.

    :param task_id: LemonData's id of the task.
    :param poll_url: the URL or path to poll.
    :param lemondata_conn_id: the Airflow connection.
    :param deadline: Unix seconds at which the wait ends; one last poll comes then.
    :param poll_interval: the target pause between two polls, in seconds.
    :param model: the model that generates, if known.
    :param created: Unix seconds at which the task was created, if known.
    """

    task_id: str
    poll_url: str
    lemondata_conn_id: str
    deadline: float
    poll_interval: float = 5.0
    model: str | None = None
    created: float | None = None


@dataclass(frozen=True)
class PollAgain:
    """
    The task has not ended yet.

    :param delay: seconds until the next poll.
    :param error: why this poll failed, if it did.
    :param needs_confirmation: whether this may be an end that another poll has to confirm.
    :param predicted: whether the task is predicted to end by then.
    """

    delay: float
    error: LemonDataError | None = None
    needs_confirmation: bool = False
    predicted: bool = False

    @property
    def needs_fresh_connection(self) -> bool:
        """Return whether the connection must be resolved again: its key was refused, or it is not usable."""
        return isinstance(self.error, _REFUSED)


@dataclass(frozen=True)
class Completed:
    """The task completed, and shows a video."""

    task: Task


@dataclass(frozen=True)
class Failed:
    """The wait ended without a video; the error says why."""

    error: LemonDataError


PollResult = PollAgain | Completed | Failed


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


class TaskPoller:
    """
    The history of polls of one task, and the decision after each poll.

    :param wait: the task.
    :param min_interval: seconds between two polls if nothing else decides; default: the wait's ``poll_interval``.
    :param forecast: the ends of earlier tasks of this model; default: none yet.
    :param jitter: random numbers from 0 to 1.
    """

    # Without a dict: a triggerer may hold ten thousand of these.
    __slots__ = (
        "_errors",
        "_forecast",
        "_jitter",
        "_last_message",
        "_min_interval",
        "_missing_since",
        "_polls_for_video",
        "_refusals",
        "_timeline",
        "last_task",
        "wait",
    )

    def __init__(
        self,
        wait: TaskWait,
        *,
        min_interval: float | None = None,
        forecast: Forecast | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.wait = wait
        self.last_task: Task | None = None  # as the last answer described it
        self._min_interval = wait.poll_interval if min_interval is None else min_interval
        self._timeline = TaskTimeline(wait.created)
        self._forecast = forecast or Forecast()
        self._jitter = jitter
        self._errors = 0
        self._refusals = 0
        self._missing_since: float | None = None
        self._polls_for_video = 0
        self._last_message: tuple[TaskStatus, float, float] | None = None

    @property
    def created(self) -> float | None:
        """Return when the task was created, in Unix seconds, if known."""
        return self._timeline.created

    def start(self, now: float, round_seconds: float = 0.0) -> PollAgain:
        """
        Return when the first poll comes: the create has just returned, so one poll interval later at the earliest.

        :param now: Unix seconds.
        :param round_seconds: seconds for one poll of every task that shares the rate limit.
        """
        delay = self._forecast.first_poll(self._timeline, now, self.wait.poll_interval, round_seconds)
        return PollAgain(self._until_deadline(delay, now))

    def on_task(self, task: Task, now: float, round_seconds: float = 0.0) -> PollResult:
        """Decide after an answer; see :meth:`start`."""
        self.last_task = task
        self._errors = self._refusals = 0
        self._missing_since = None
        if self._timeline.created is None and task.created:
            self._timeline.created = min(task.created.timestamp(), now)
        if task.status is TaskStatus.COMPLETED and not task.videos:
            return self._without_video()
        if task.status in (TaskStatus.COMPLETED, TaskStatus.FAILED):
            self._forecast.ended(self._timeline, now, task.seconds)
            return Completed(task) if task.status is TaskStatus.COMPLETED else Failed(self._failure(task))
        if now >= self.wait.deadline:
            return self._timed_out(f"the last status was {_status_of(task)}")
        delay, predicted = self._forecast.next_poll(
            self._timeline, task.progress, now, self._min_interval, round_seconds
        )
        return PollAgain(self._until_deadline(delay, now), predicted=predicted)

    def on_error(self, error: LemonDataError, now: float) -> PollResult:
        """Decide after a poll without an answer: most errors pass, and never end a wait for a paid video."""
        self._errors += 1
        self._refusals = self._refusals + 1 if isinstance(error, _REFUSED) else 0
        if isinstance(error, TaskNotFoundError):
            return self._not_found(error, now)
        self._missing_since = None
        if self._refusals >= MAX_REFUSALS:
            return Failed(self._of_this_task(error))
        if now >= self.wait.deadline:
            return self._timed_out(f"the last poll failed: {error.message}")
        delay = self.wait.poll_interval if self._refusals else self._backoff(error)
        return PollAgain(self._until_deadline(delay, now), error, needs_confirmation=self._refusals > 0)

    def progress_message(self, task: Task, now: float) -> str | None:
        """Return a log line if the status changed, progress grew by ten percent, or it grew and time has passed."""
        progress = task.progress or 0.0
        if self._last_message and self._last_message[0] is task.status:
            _, last_progress, at = self._last_message
            if progress < last_progress + 10 and (progress <= last_progress or now < at + PROGRESS_MESSAGE_SECONDS):
                return None
        self._last_message = (task.status, progress, now)
        percent = "" if task.progress is None else f", {task.progress:.0f} %"
        return f"Task {self.wait.task_id} is {_status_of(task)}{percent}"

    def _backoff(self, error: LemonDataError) -> float:
        if error.retry_after is not None:
            return max(self.wait.poll_interval, error.retry_after + self._jitter())
        backoff = min(self.wait.poll_interval * 2.0 ** min(self._errors - 1, 10), MAX_PAUSE)
        return max(self.wait.poll_interval, backoff * (0.5 + self._jitter() / 2))

    def _until_deadline(self, delay: float, now: float) -> float:
        return min(delay, max(self.wait.deadline - now, 0.0))

    def _not_found(self, error: TaskNotFoundError, now: float) -> PollResult:
        if self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since >= CONFIRMATION_SECONDS:
            return Failed(self._of_this_task(error))
        rest = min(self._missing_since + CONFIRMATION_SECONDS - now, CONFIRMATION_SECONDS)  # a clock may be set back
        return PollAgain(rest, error, needs_confirmation=True)

    def _without_video(self) -> PollResult:
        self._polls_for_video += 1
        error = self._of_this_task(MissingVideoError("The task completed, but no answer shows a video URL."))
        if self._polls_for_video > MAX_POLLS_FOR_VIDEO:
            return Failed(error)
        return PollAgain(min(self.wait.poll_interval, CONFIRMATION_SECONDS), error, needs_confirmation=True)

    def _failure(self, task: Task) -> LemonDataError:
        verb = "was cancelled" if task.cancelled else "failed"
        word = _status_of(task)
        default = "no reason given" if word == "failed" else f"its status is {word!r}"
        reason = (task.error and (task.error.message or task.error.code)) or default
        code = task.error.code if task.error else None
        return self._of_this_task(TaskFailedError(f"The generation {verb} at LemonData: {reason}", code=code))

    def _timed_out(self, last: str) -> Failed:
        error = TaskTimeoutError(
            f"The deadline came before the video; {last}. The task may still finish and is paid for: "
            f"TaskSensor(poll_url={self.wait.poll_url!r}) waits for it without paying again."
        )
        return Failed(self._of_this_task(error))

    def _of_this_task(self, error: LemonDataError) -> LemonDataError:
        return error.replace(task_id=self.wait.task_id, poll_url=self.wait.poll_url)


def _status_of(task: Task) -> str:
    """Return the service's own word for the status."""
    return (task.raw_status or task.status.value).lower()
