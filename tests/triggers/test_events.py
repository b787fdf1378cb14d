from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.triggers.events import with_video_url


@pytest.mark.parametrize("url", ["https://cdn.example/v.mp4?X-Amz-Signature=secret", "data:video/mp4;base64,c2VjcmV0"])
def test_with_video_url_signed_or_inline_video_is_not_logged(url: str, context: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        with_video_url(context, {"task_id": "ldtask_1", "video_url": url})
    assert "Task ldtask_1 completed" in caplog.text
    assert "X-Amz-Signature" not in caplog.text
    assert "c2VjcmV0" not in caplog.text
    assert context["ti"].xcoms["video_url"] == url
