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
from lemondata_provider.api.forecast import Forecast, TaskTimeline
from lemondata_provider.api.task import Task, TaskStatus

MAX_REFUSALS = 3  # polls in a row at which the connection did not work
VIDEO_POLLS = 3  # more polls a completed task that shows no video
CONFIRMATION_SECONDS = 10.0  # a task is gone when two polls this far apart say so
PROGRESS_MESSAGE_SECONDS = 30.0  # after which some more progress is worth telling, however little
MAX_PAUSE = 60.0  # between two polls while the service has trouble, if the poll interval is not longer


@dataclass(frozen=True)
class PollAgain:
    """
    Not ended yet.

    :param delay: seconds until the next poll.
    :param error: why this poll told nothing, if it did not.
    :param needs_confirmation: whether this may be an end that another poll has to confirm.
    :param predicted: whether the end is predicted for then.
    """

    delay: float
    error: LemonDataError | None = None
    needs_confirmation: bool = False
    predicted: bool = False

    @property
    def needs_fresh_connection(self) -> bool:
        """Say whether the connection should be looked up again: its key was refused, or it could not be used."""
        return isinstance(self.error, _REFUSED)


@dataclass(frozen=True)
class Ended:
    """Ended: with a finished task, or with the error that says why there is none."""

    task: Task | None = None
    error: LemonDataError | None = None


Step = PollAgain | Ended


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


class TaskPoller:
    """
    What has been seen of one task, and what follows from it.

    :param task_id: LemonData's id of the task.
    :param poll_url: where it is polled.
    :param poll_interval: the pause aimed at between two polls, in seconds.
    :param deadline: Unix seconds; the task is polled once more when it has come.
    :param created: Unix seconds at which the task was created, if that is known; otherwise answers tell it.
    :param pause: the pause between two polls that nothing else calls for, in seconds; default ``poll_interval``.
    :param forecast: what is known of the ends of tasks of this model; default: nothing yet.
    :param jitter: random numbers from 0 to 1.
    """

    # Without a dict: a triggerer may hold ten thousand of these.
    __slots__ = (
        "_forecast",
        "_gone_since",
        "_jitter",
        "_refusals",
        "_timeline",
        "_told",
        "_troubles",
        "_video_polls",
        "deadline",
        "pause",
        "poll_interval",
        "poll_url",
        "seen",
        "task_id",
    )

    def __init__(  # noqa: PLR0913 # all but two have a name, and most a default
        self,
        task_id: str,
        poll_url: str,
        *,
        poll_interval: float,
        deadline: float,
        created: float | None = None,
        pause: float | None = None,
        forecast: Forecast | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.task_id = task_id
        self.poll_url = poll_url
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.pause = poll_interval if pause is None else pause
        self.seen: Task | None = None  # as the last answer described it
        self._timeline = TaskTimeline(created)
        self._forecast = forecast or Forecast()
        self._jitter = jitter
        self._troubles = 0
        self._refusals = 0
        self._gone_since: float | None = None
        self._video_polls = 0
        self._told: tuple[TaskStatus, float, float] | None = None

    @property
    def created(self) -> float | None:
        """Return when the task was created, in Unix seconds, as far as that is known."""
        return self._timeline.created

    def start(self, now: float, round_seconds: float = 0.0) -> PollAgain:
        """
        Return when to poll first: the create is just behind us, so after one pause at the least.

        :param now: Unix seconds.
        :param round_seconds: seconds until everybody's turn comes again, where many tasks share a rate limit.
        """
        return self._pause(self._forecast.first_poll(self._timeline, now, self.poll_interval, round_seconds), now)

    def on_task(self, task: Task, now: float, round_seconds: float = 0.0) -> Step:
        """Decide after an answer; see :meth:`start`."""
        self.seen = task
        self._troubles = self._refusals = 0
        self._gone_since = None
        if self._timeline.created is None and task.created:
            self._timeline.created = min(task.created.timestamp(), now)
        if task.status is TaskStatus.FAILED:
            self._forecast.ended(self._timeline, now, task.seconds)
            return Ended(error=self._failure(task))
        if task.status is TaskStatus.COMPLETED:
            if not task.videos:
                return self._without_video()
            self._forecast.ended(self._timeline, now, task.seconds)
            return Ended(task=task)
        if now >= self.deadline:
            return self._timed_out(f"it was {task.status.value} when last seen")
        delay, predicted = self._forecast.next_poll(self._timeline, task.progress, now, self.pause, round_seconds)
        return self._pause(delay, now, predicted=predicted)

    def on_error(self, error: LemonDataError, now: float) -> Step:
        """Decide after a poll that brought no answer: most troubles pass, and never end a wait that is paid for."""
        self._troubles += 1
        self._refusals = self._refusals + 1 if isinstance(error, _REFUSED) else 0
        if isinstance(error, TaskNotFoundError):
            return self._not_found(error, now)
        self._gone_since = None
        if self._refusals >= MAX_REFUSALS:
            return Ended(error=self._about_this_task(error))
        if now >= self.deadline:
            return self._timed_out(f"the last poll failed: {error.message}")
        if self._refusals:
            return self._pause(self.poll_interval, now, error, needs_confirmation=True)
        return self._pause(self._after_trouble(error), now, error)

    def progress_message(self, task: Task, now: float) -> str | None:
        """Return what is worth telling of an answer: another status, ten percent more, or some more after a while."""
        progress = task.progress or 0.0
        if self._told and self._told[0] is task.status:
            _, told, at = self._told
            if progress < told + 10 and (progress <= told or now < at + PROGRESS_MESSAGE_SECONDS):
                return None
        self._told = (task.status, progress, now)
        percent = "" if task.progress is None else f", {task.progress:.0f} %"
        return f"Task {self.task_id} is {task.status.value}{percent}"

    def _after_trouble(self, error: LemonDataError) -> float:
        if error.retry_after is not None:
            return max(self.poll_interval, error.retry_after + self._jitter())
        backoff = self.poll_interval * 2.0 ** min(self._troubles - 1, 10)
        return max(self.poll_interval, min(backoff, MAX_PAUSE) * (0.5 + self._jitter() / 2))

    def _pause(self, seconds: float, now: float, trouble: LemonDataError | None = None, **why: bool) -> PollAgain:
        return PollAgain(min(seconds, max(self.deadline - now, 0.0)), trouble, **why)

    def _not_found(self, error: TaskNotFoundError, now: float) -> Step:
        if self._gone_since is None:
            self._gone_since = now
        elif now - self._gone_since >= CONFIRMATION_SECONDS:
            return Ended(error=self._about_this_task(error))
        rest = min(self._gone_since + CONFIRMATION_SECONDS - now, CONFIRMATION_SECONDS)  # a clock may be set back
        return PollAgain(rest, error, needs_confirmation=True)

    def _without_video(self) -> Step:
        self._video_polls += 1
        error = self._about_this_task(MissingVideoError("The task completed, and no answer shows a video URL."))
        if self._video_polls > VIDEO_POLLS:
            return Ended(error=error)
        return PollAgain(min(self.poll_interval, CONFIRMATION_SECONDS), error, needs_confirmation=True)

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
