"""XComs of a task instance, as Airflow's supervisor gets them."""

from __future__ import annotations

import json

import pytest

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.entry import EntryState, VideoEntry
from lemondata_provider.videos.progress import Progress
from lemondata_provider.videos.xcoms import write_entry, write_progress

TASK_INSTANCE = TaskInstanceKey("clips", "submit", "manual__1", 3)
ENTRY = VideoEntry(EntryState.SUBMITTED, video_task="ldtask_1")
PROGRESS = Progress("processing", 2e9, 40.0)


@pytest.mark.parametrize(
    ("write", "value", "key"),
    [(write_entry, ENTRY, "lemondata_video"), (write_progress, PROGRESS, "lemondata_progress")],
)
def test_write_sends_json_under_its_own_key_to_the_task_instance(supervisor, write, value, key):
    write(TASK_INSTANCE, value)
    (message,) = supervisor.asked
    assert (message.key, message.dag_id, message.task_id) == (key, "clips", "submit")
    assert (message.run_id, message.map_index) == ("manual__1", 3)
    stored = json.loads(message.value) if isinstance(message.value, str) else message.value
    assert type(value).from_json(stored) == value


def test_write_entry_api_server_away_raises(supervisor):
    supervisor.refuses = True
    with pytest.raises(RuntimeError, match="away"):
        write_entry(TASK_INSTANCE, ENTRY)
