"""
What is remembered of a submit, and what a new try has to do about it: pure decisions that take what they need.

The record stands in Airflow's task state store (3.3+), which outlives retries, clears and killed workers. It is written
as an intent before the request leaves, and again with the task's id as soon as the answer is there; an intent alone
means that a create may have been paid for, and that its answer got lost.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from lemondata_provider.api.errors import (
    LemonDataError,
    MissingVideoError,
    RequestChangedError,
    SubmitUnknownError,
    TaskFailedError,
    TaskNotFoundError,
)
from lemondata_provider.api.task import identify
from lemondata_provider.videos.entry import MAX_EARLIER, Paid, read_paid

KEY = "lemondata_submit"
HISTORY_KEY = KEY + "_before_{}"  # with the id of the task that was stored before, or "unknown"
HISTORY = KEY + "_history"  # the ids of the tasks that were stored before: the store has no listing
ENDED_KEY = KEY + "_ended"  # an `Ended`
VERSION = 1
_TYPES: dict[str, tuple[type, ...]] = {  # a person may have edited it
    "fingerprint": (dict,),
    "max_tries": (int,),
    "deadline": (int, float),
    "answered": (bool,),
    "task_id": (str, type(None)),
    "poll_url": (str, type(None)),
}
OPTIONAL_FIELDS = {
    "estimated_cost_usd",
    "request_id",
    "try_id",
    "regenerated",
    "created",
    "earlier",
}  # a record of an earlier version does not have it, and is whole all the same


@dataclass(frozen=True)
class Record:
    """
    What is stored of one submit.

    :param fingerprint: a digest for each field of the request; what the fields hold is stored nowhere.
    :param max_tries: Airflow's, when this was written: it changes when a person clears the task, and never on a retry.
    :param deadline: Unix seconds at which the wait ends, over all retries.
    :param model: which model generates.
    :param operation: what was asked for, if it was said.
    :param answered: whether the create was answered; a task that stands in an unanswered record was put there by a
        person.
    :param task_id: LemonData's id; none while it is not known whether there is a task.
    :param poll_url: where the task is polled.
    :param estimated_cost_usd: the price at submit time, if known.
    :param request_id: LemonData's id of the create request, if known.
    :param try_id: Airflow's id of the try that wrote this: a try takes back its own intent only.
    :param regenerated: whether a person asked for another video, which may replace the file of the old one.
    :param created: Unix seconds at which the create was answered.
    :param earlier: the videos that the task instance paid for before this one, the newest last.
    """

    fingerprint: dict[str, str]
    max_tries: int
    deadline: float
    model: str | None = None
    operation: str | None = None
    answered: bool = False
    task_id: str | None = None
    poll_url: str | None = None
    estimated_cost_usd: str | None = None
    request_id: str | None = None
    try_id: str | None = None
    regenerated: bool = False
    created: float | None = None
    earlier: tuple[Paid, ...] = ()

    @classmethod
    def read(cls, stored: Any) -> Record | None:
        """
        Read what the store holds.

        :raises SubmitUnknownError: if it is there and cannot be read; it must never be taken for nothing.
        """
        if stored is None:
            return None
        try:
            known = {
                name: stored[name] for name in cls.__dataclass_fields__ if name not in OPTIONAL_FIELDS or name in stored
            }
            types = {name: type(value) for name, value in known.items()}
            if stored["version"] != VERSION or any(types[name] not in kinds for name, kinds in _TYPES.items()):
                raise ValueError("another version")
        except (KeyError, TypeError, ValueError):
            raise SubmitUnknownError(
                f"The key {KEY!r} under Task instance > Storage holds no record that this version can read. A video "
                "may have been paid for: look there for its id, and delete the key only if the video is not needed."
            ) from None
        known["task_id"], known["poll_url"] = identify(known) or (None, None)
        known["earlier"] = read_paid(known.get("earlier"))
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """Return the record as the store takes it."""
        return {"version": VERSION, **asdict(self), "earlier": [asdict(video) for video in self.earlier]}  # no tuple

    def paid(self, without: str | None = None) -> tuple[Paid, ...]:
        """
        Return all videos that the task instance paid for, the newest last.

        :param without: LemonData's id of a task that is left out.
        """
        own = (Paid(self.task_id, self.estimated_cost_usd, self.created),) if self.task_id else ()
        videos = [video for video in (*self.earlier, *own) if video.video_task != without]
        return tuple(videos[-MAX_EARLIER:])

    @property
    def is_intent(self) -> bool:
        """Return whether a request may have left without an answer."""
        return self.task_id is None

    @property
    def is_adopted(self) -> bool:
        """Say whether a person found the task and put it here."""
        return not self.is_intent and not self.answered


@dataclass(frozen=True)
class Ended:
    """
    How a task instance ended for good: no retry follows, so a try that comes later was cleared.

    A clear that lowers the retries may leave Airflow's max_tries as it was. The clear number of the run alone does not
    tell either, since a clear of any task of the run raises it.

    :param task_id: LemonData's id of the task that the task instance ended with.
    :param clear_number: Airflow's, of the run at that time.
    """

    task_id: str
    clear_number: int

    def is_cleared_since(self, found: Record, clear_number: int) -> bool:
        """Return whether the run was cleared since the task of a record ended the task instance."""
        return self.task_id == found.task_id and self.clear_number != clear_number


@dataclass(frozen=True)
class Options:
    """
    What the user allows to be paid for again.

    :param on_unknown_submit: ``fail``, or ``resubmit`` a request whose answer got lost.
    :param on_clear: when a person clears the task, ``reuse`` the video that is there, or ``regenerate`` it.
    :param resubmit_failed: whether an Airflow retry submits a failed generation again.
    """

    on_unknown_submit: str = "fail"
    on_clear: str = "reuse"
    resubmit_failed: bool = False


class Recovery(Enum):
    """What a try does first."""

    SUBMIT = "submit"
    REATTACH = "poll the task that is known"
    MANUAL = "ask the user: a create may have been paid for, and its answer got lost"


def decide_recovery(found: Record | None, wanted: Record, options: Options, cleared: bool) -> Recovery:
    """
    Decide what a try does, from what was stored and what it would submit itself.

    :param found: what was stored.
    :param wanted: what this try would store.
    :param options: what the user allows.
    :param cleared: whether a person cleared the task instance since.
    :raises RequestChangedError: a retry wants something else than what was submitted.
    """
    if found is None:
        return Recovery.SUBMIT
    if found.is_intent:
        return Recovery.SUBMIT if options.on_unknown_submit == "resubmit" else Recovery.MANUAL
    if found.is_adopted:
        return Recovery.REATTACH
    old, new = found.fingerprint, wanted.fingerprint
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if cleared:
        return Recovery.SUBMIT if changed or options.on_clear == "regenerate" else Recovery.REATTACH
    if changed:
        raise RequestChangedError(
            f"This retry wants another video than the one that was submitted: {', '.join(changed)} changed. Was a map "
            "expanded again, or does a template hold the try number or the time? Clear the task to submit again.",
            task_id=found.task_id,
            poll_url=found.poll_url,
        )
    return Recovery.REATTACH


def should_resubmit(error: LemonDataError | None, cleared: bool, options: Options) -> bool:
    """Return whether a task that ended without a video is submitted again."""
    if cleared:
        return isinstance(error, (TaskFailedError, TaskNotFoundError, MissingVideoError))
    return options.resubmit_failed and isinstance(error, TaskFailedError)


def repair_instructions(task_instance: str) -> str:
    """
    Return the instructions for a submit whose answer got lost.

    :param task_instance: as the arguments of Airflow's commands.
    """
    return (
        "It is not submitted again by itself. Look for the task: an earlier try may have logged its id, and "
        "LemonData's dashboard shows it.\n"
        f"If it is there, put its id as 'task_id' into the key {KEY!r} under Task instance > Storage, or run\n"
        f"    airflow lemondata adopt {task_instance} --lemondata-task-id ID\n"
        "If it is not there, delete that key, or run\n"
        f"    airflow lemondata forget {task_instance}\n"
        "Then clear this Airflow task."
    )
