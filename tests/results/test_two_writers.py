"""Two processes keep a video at one path at once: one file, one valid sidecar, and an error for the other one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.api.errors import OutputTakenError
from lemondata_provider.api.task import Task
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.local import LocalSink, LocalTarget
from lemondata_provider.results.outputs import Kept
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin
from lemondata_provider.results.target import OutputSink
from tests.api.file_server import FileServer, Reply
from tests.api.video_files import video
from tests.results.keeping import BOTH, CONTENT, ORIGIN, OTHER, quick, sidecar, task


def faster(store: Any, server: FileServer, origin: Origin) -> Callable[[], Task]:
    """Return a renewal during which another process keeps its own video."""

    def renew() -> Task:
        server.script.insert(0, Reply(body=video(9000)))
        ResultKeeper(target_for(f"{store.base}/clip.mp4"), new_downloader=quick).keep(task(server.url), origin)
        return task(server.url)

    return renew


def test_keep_slower_writer_of_another_request_is_refused(store: Any, keep: Any, server: FileServer) -> None:
    server.script = [Reply(status=403)]
    with pytest.raises(OutputTakenError, match="different: prompt") as caught:
        keep(renew=faster(store, server, OTHER))
    assert (caught.value.task_id, caught.value.poll_url) == ("t1", "/v1/tasks/t1")
    assert store.get("clip.mp4") == video(9000)
    assert (sidecar(store)["task_id"], sidecar(store)["size"]) == ("t2", 9000)
    assert store.names() == BOTH
    assert store.leftovers() == []


def test_keep_slower_writer_of_the_same_task_uses_the_file(store: Any, keep: Any, server: FileServer) -> None:
    server.script = [Reply(status=403)]
    kept = keep(renew=faster(store, server, ORIGIN))
    assert (kept.skipped, kept.outputs[0].size) == (True, 9000)
    assert sidecar(store)["size"] == 9000


class LateTarget(LocalTarget):
    """A target whose file is committed just after something else came."""

    def __init__(self, folder: Path, meanwhile: Callable[[], object]) -> None:
        super().__init__(f"{folder}/clip.mp4", f"{folder}/clip.mp4")
        self.meanwhile = meanwhile

    def sink(self, exclusive: bool) -> OutputSink:
        sink = LateSink(self, exclusive)
        sink.meanwhile = self.meanwhile
        return sink


class LateSink(LocalSink):
    meanwhile: Callable[[], object]

    def commit(self) -> None:
        self.meanwhile()
        super().commit()


def test_keep_two_tries_of_one_task_at_once_leave_a_valid_sidecar(server: FileServer, tmp_path: Path) -> None:
    def other_try() -> Kept:
        return ResultKeeper(target_for(tmp_path / "clip.mp4"), new_downloader=quick).keep(task(server.url), ORIGIN)

    kept = ResultKeeper(LateTarget(tmp_path, other_try), new_downloader=quick).keep(task(server.url), ORIGIN)
    assert kept.skipped
    assert kept == other_try()
    assert kept.outputs[0].sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_keep_other_program_was_faster_loses_no_file_and_gets_no_sidecar(server: FileServer, tmp_path: Path) -> None:
    late = LateTarget(tmp_path, lambda: (tmp_path / "clip.mp4").write_bytes(bytes(len(CONTENT))))
    with pytest.raises(OutputTakenError, match="another program"):
        ResultKeeper(late, "fail", new_downloader=quick).keep(task(server.url), ORIGIN)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
