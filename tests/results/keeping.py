"""What the tests of keeping share: a task, where it comes from, and its video."""

from __future__ import annotations

import json
from typing import Any

from lemondata_provider.api.download import Downloader
from lemondata_provider.api.task import Task, TaskStatus, Video
from lemondata_provider.results.sidecar import Origin
from tests.api.video_files import video

CONTENT = video(20_000_000)  # two parts of an upload
REQUEST = {"model": "m1", "prompt": "p1"}
ORIGIN = Origin("t1", "/v1/tasks/t1", "m1", "text-to-video", "0.60", fingerprint=REQUEST)
OTHER = Origin("t2", "/v1/tasks/t2", fingerprint={**REQUEST, "prompt": "p2"})
BOTH = ["clip.mp4", "clip.mp4.json"]


def quick() -> Downloader:
    return Downloader(read_timeout=5, sleep=lambda _: None)


def task(*urls: str) -> Task:
    videos = tuple(Video(url=url) for url in urls)
    return Task(id="t1", poll_url="/v1/tasks/t1", status=TaskStatus.COMPLETED, videos=videos)


def sidecar(store: Any, name: str = "clip.mp4") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(store.get(f"{name}.json"))
    return content
