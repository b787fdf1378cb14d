"""What the page of videos is given by the transfer, whose video another task instance paid for."""

from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator
from tests.operators.helpers import operator
from tests.videos.entries import Entries


def shown(entries: Entries, path: Any, **fields: Any) -> VideoToObjectStorageOperator:
    transfer = VideoToObjectStorageOperator(task_id="keep", path=str(path), **fields)
    transfer.write_entry = entries.write
    return transfer


@pytest.mark.parametrize("whole", [True, False])
def test_execute_stored_video_writes_its_file_and_no_cost(sandbox, context, tmp_path, whole):
    entries = Entries()
    result = operator(duration=4, wait_for_completion=True, deferrable=False).execute(context)
    source = {"poll_url": result} if whole else {"video_url": result["video_url"]}
    shown(entries, tmp_path / "v.mp4", **source).execute(context)
    (entry,) = entries
    assert (entry.state.value, entry.file, entry.estimated_cost) == ("completed", str(tmp_path / "v.mp4"), None)
    assert entry.size == (tmp_path / "v.mp4").stat().st_size
    assert entry.stored


def test_execute_failed_task_writes_its_reason(sandbox, context, tmp_path):
    entries = Entries()
    submitted = operator(prompt="a cat [fail]", wait_for_completion=False).execute(context)
    with pytest.raises((LemonDataFailException, LemonDataError)):
        shown(entries, tmp_path / "v.mp4", poll_url=submitted).execute(context)
    (entry,) = entries
    assert (entry.state.value, entry.video_task) == ("failed", submitted["task_id"])
