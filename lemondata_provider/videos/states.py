"""The state of a video as a person sees it: what its entry says, and what became of its task instance."""

from __future__ import annotations

from enum import Enum

from lemondata_provider.videos.entry import EntryState

WAITING = frozenset(
    {"deferred", "running", "queued", "scheduled", "restarting", "up_for_retry", "up_for_reschedule"},
)
"""The states of a task instance that still wait for the video."""


class VideoState(str, Enum):
    """What a person sees."""

    IN_FLIGHT = "in_flight"
    SUBMITTED = "submitted"  # another task instance waits for it
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"


def video_state(entry_state: EntryState, task_state: str | None) -> VideoState:
    """
    Return what a person sees.

    :param task_state: of the task instance; ``None`` if it was cleared and is to run again.
    """
    if entry_state is not EntryState.SUBMITTED:
        return VideoState(entry_state.value)
    if task_state is None or task_state in WAITING:
        return VideoState.IN_FLIGHT
    return VideoState.SUBMITTED if task_state == "success" else VideoState.UNKNOWN
