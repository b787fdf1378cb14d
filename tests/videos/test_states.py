from __future__ import annotations

import pytest
from airflow.utils.state import TaskInstanceState

from lemondata_provider.videos.entry import EntryState
from lemondata_provider.videos.states import WAITING, VideoState, video_state


def test_waiting_states_are_airflows_of_unfinished_task_instances():
    unfinished = {state.value for state in TaskInstanceState} & WAITING
    assert unfinished == WAITING
    assert not WAITING & {"success", "failed", "skipped", "removed", "upstream_failed"}


@pytest.mark.parametrize("entry_state", [EntryState.COMPLETED, EntryState.FAILED, EntryState.UNKNOWN])
@pytest.mark.parametrize("task_state", [None, "success", "up_for_retry", "failed"])
def test_video_state_of_an_ended_video_is_that_of_its_entry(entry_state, task_state):
    assert video_state(entry_state, task_state).value == entry_state.value


@pytest.mark.parametrize(
    ("task_state", "expected"),
    [
        ("deferred", VideoState.IN_FLIGHT),
        ("up_for_retry", VideoState.IN_FLIGHT),
        (None, VideoState.IN_FLIGHT),
        ("success", VideoState.SUBMITTED),
        ("failed", VideoState.UNKNOWN),
        ("a state of a later Airflow", VideoState.UNKNOWN),
    ],
)
def test_video_state_of_a_submitted_video_depends_on_its_task_instance(task_state, expected):
    assert video_state(EntryState.SUBMITTED, task_state) is expected
