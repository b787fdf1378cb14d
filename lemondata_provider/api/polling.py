"""
What follows from one poll of a task: pure decisions that take ``now``.

The trigger, the sensor's pokes and the wait in a worker all ask this module, so they cannot disagree. Source:
https://docs.lemondata.cc (get-video-status, get-task-status).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from lemondata_provider.api.description import describe_answer
from lemondata_provider.api.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    LemonDataError,
    MissingVideoError,
    NotFoundError,
    TaskFailedError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from lemondata_provider.api.forecast import Forecast, TaskTimeline
from lemondata_provider.api.pauses import pause_after_failure
from lemondata_provider.api.task import Task, TaskError, TaskStatus

AUTH_GRACE_SECONDS = 600.0  # keys rotate, firewalls and secrets backends have bad minutes: a paid wait outlives them
MAX_POLLS_FOR_VIDEO = 3  # more polls of a completed task that shows no video
CONFIRMATION_SECONDS = 10.0  # two polls this far apart confirm that a task is gone
PROGRESS_MESSAGE_SECONDS = 30.0  # after this time any progress is worth a log line
STILL_RUNNING = "The task may still finish"  # begins what a cancellation makes untrue
MAX_TASK_AGE = 7 * 86_400.0  # seconds; a task that says it is older has a wrong clock
# A 404 that is not a task's comes from a wrong base URL, or from a gateway.
_REFUSED = (AuthenticationError, AccessDeniedError, ConfigurationError, NotFoundError)


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
    :param needs_confirmation: whether this may be an end that another poll has to confirm; the delay is at most
        ``CONFIRMATION_SECONDS`` then, since a worker may be held for it.
    :param predicted: whether the task is predicted to end by then.
    """

    delay: float
    error: LemonDataError | None = None
    needs_confirmation: bool = False
    predicted: bool = False

    @property
    def needs_fresh_connection(self) -> bool:
        """Return whether the connection must be resolved again: its key was refused, or it is not usable."""
        return is_refusal(self.error)


@dataclass(frozen=True)
class Completed:
    """The task completed, and shows a video."""

    task: Task


@dataclass(frozen=True)
class Failed:
    """The wait ended without a video; the error says why."""

    error: LemonDataError


PollResult = PollAgain | Completed | Failed


def failure_of(task: Task) -> TaskFailedError:
    """Return the error of a task that failed or was cancelled at LemonData."""
    verb = "was cancelled" if task.cancelled else "failed"
    error = task.error or TaskError()
    word = _status_of(task)
    default = "no reason given" if word == "failed" else f"its status is {word!r}"
    reason = error.message or error.code or f"{default}; the answer held {describe_answer(task.raw)}"
    return TaskFailedError(f"The generation {verb} at LemonData: {reason}", code=error.code)


def is_refusal(error: LemonDataError | None) -> bool:
    """Say whether an error is about the connection and its key, and not about the task."""
    return isinstance(error, _REFUSED) and not isinstance(error, TaskNotFoundError)


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
        "_jitter",
        "_last_message",
        "_last_status",
        "_min_interval",
        "_missing_since",
        "_polls_for_video",
        "_refused_since",
        "_timeline",
        "forecast",
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
        self.forecast = forecast or Forecast()
        self._jitter = jitter
        self._errors = 0
        self._refused_since: float | None = None
        self._last_status: str | None = None
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
        delay = self.forecast.first_poll(self._timeline, now, self.wait.poll_interval, round_seconds)
        return PollAgain(self._until_deadline(delay, now))

    def on_task(self, task: Task, now: float, round_seconds: float = 0.0) -> PollResult:
        """Decide after an answer."""
        self.last_task = task
        self._errors = 0
        self._refused_since = self._missing_since = None
        self._last_status = _status_of(task)
        if self._timeline.created is None and task.created and now - task.created.timestamp() < MAX_TASK_AGE:
            self._timeline.created = min(task.created.timestamp(), now)
        if task.status is TaskStatus.COMPLETED and not task.videos:
            return self._without_video(task, now)
        if task.status in (TaskStatus.COMPLETED, TaskStatus.FAILED):
            self.forecast.ended(self._timeline, now, task.seconds)
            return (
                Completed(task) if task.status is TaskStatus.COMPLETED else Failed(self._of_this_task(failure_of(task)))
            )
        if now >= self.wait.deadline:
            return self.timed_out()
        delay, predicted = self.forecast.next_poll(
            self._timeline, task.progress, now, self._min_interval, round_seconds
        )
        return PollAgain(self._until_deadline(delay, now), predicted=predicted)

    def on_error(self, error: LemonDataError, now: float) -> PollAgain | Failed:
        """Decide after a poll without an answer: most errors pass, and never end a wait for a paid video."""
        self._errors += 1
        if isinstance(error, TaskNotFoundError):
            self._refused_since = None
            return self._not_found(error, now)
        self._missing_since = None
        if is_refusal(error):
            self._refused_since = now if self._refused_since is None else min(self._refused_since, now)
            if now - self._refused_since >= AUTH_GRACE_SECONDS:
                return Failed(self._of_this_task(error))
        else:
            self._refused_since = None
        if now >= self.wait.deadline:
            return self.timed_out(error)
        pause = pause_after_failure(error, self._errors, self.wait.poll_interval, self._jitter)
        return PollAgain(self._until_deadline(pause, now), error)

    def error_message(self, error: LemonDataError) -> str | None:
        """Return a log line for a failed poll; of refusals in a row, only the first is worth one."""
        if not is_refusal(error):
            return f"Polling task {self.wait.task_id} failed (will retry): {error}"
        if self._refused_since is not None:
            return None
        minutes = AUTH_GRACE_SECONDS / 60
        return f"Polling task {self.wait.task_id} was refused (will retry for {minutes:.0f} minutes): {error}"

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

    def _until_deadline(self, delay: float, now: float) -> float:
        grace_ends = self.wait.deadline if self._refused_since is None else self._refused_since + AUTH_GRACE_SECONDS
        return min(delay, max(min(self.wait.deadline, grace_ends) - now, 0.0))

    def _not_found(self, error: TaskNotFoundError, now: float) -> PollAgain | Failed:
        if self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since >= CONFIRMATION_SECONDS:
            return Failed(self._of_this_task(error))
        if now >= self.wait.deadline:
            return self.timed_out(error)
        rest = min(self._missing_since + CONFIRMATION_SECONDS - now, CONFIRMATION_SECONDS)  # a clock may be set back
        return PollAgain(self._until_deadline(rest, now), error, needs_confirmation=True)

    def _without_video(self, task: Task, now: float) -> PollResult:
        self._polls_for_video += 1
        held = describe_answer(task.raw)
        error = self._of_this_task(
            MissingVideoError(f"The task completed, but no answer shows a video URL. The last one held {held}")
        )
        if self._polls_for_video > MAX_POLLS_FOR_VIDEO or now >= self.wait.deadline:
            return Failed(error)
        delay = min(self.wait.poll_interval, CONFIRMATION_SECONDS)
        return PollAgain(self._until_deadline(delay, now), error, needs_confirmation=True)

    def timed_out(self, error: LemonDataError | None = None) -> Failed:
        """
        Return the end of a wait at its deadline.

        :param error: why the last poll failed, if it did.
        """
        status = f"the last status was {self._last_status}" if self._last_status else "no poll was answered"
        last = f"{status}, and the last poll failed: {error.message}" if error else status
        message = (
            f"The deadline came before the video; {last}. {STILL_RUNNING} and is paid for: "
            f"TaskSensor(poll_url={self.wait.poll_url!r}) waits for it without paying again."
        )
        details = {name: getattr(error, name, None) for name in ("status", "code", "hints", "request_id")}
        return Failed(self._of_this_task(TaskTimeoutError(message, **details)))  # type: ignore[arg-type]  # names of details

    def _of_this_task(self, error: LemonDataError) -> LemonDataError:
        return error.replace(task_id=self.wait.task_id, poll_url=self.wait.poll_url)


def _status_of(task: Task) -> str:
    return (task.raw_status or task.status.value).lower()
