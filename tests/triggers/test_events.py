from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.triggers.events import read_event, with_video_url


@pytest.mark.parametrize("url", ["https://cdn.example/v.mp4?X-Amz-Signature=secret", "data:video/mp4;base64,c2VjcmV0"])
def test_with_video_url_signed_or_inline_video_is_not_logged(url: str, context: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        with_video_url(context, {"task_id": "ldtask_1", "video_url": url})
    assert "Task ldtask_1 completed" in caplog.text
    assert "X-Amz-Signature" not in caplog.text
    assert "c2VjcmV0" not in caplog.text
    assert context["ti"].xcoms["video_url"] == url


@pytest.mark.parametrize(
    "event",
    [
        None,
        "completed",
        {},
        {"task_id": "ldtask_1", "poll_url": "/v1/tasks/ldtask_1"},
        {"task_id": "ldtask_1", "poll_url": "/v1/tasks/ldtask_1", "result": {}, "error": {"message": "both"}},
        {"task_id": "ldtask_1", "poll_url": "/v1/tasks/ldtask_1", "result": []},
        {"task_id": "ldtask_2", "poll_url": "/v1/tasks/ldtask_2", "result": {"status": "completed"}},
    ],
)
def test_read_event_invalid_event_or_other_task_raises_error_with_the_poll_url(event: Any) -> None:
    with pytest.raises(LemonDataError, match="an unusable event") as refused:
        read_event(event, "ldtask_1", "/v1/tasks/ldtask_1")
    assert refused.value.poll_url == "/v1/tasks/ldtask_1"
