"""A finished task becomes files: over a real connection, in a folder and in a bucket of a real server."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.api.errors import (
    BrokenDownloadError,
    LinkEndedError,
    MissingVideoError,
    NotAVideoError,
    OutputTakenError,
    VideoTooLargeError,
)
from lemondata_provider.api.task import Task
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin
from tests.api.file_server import FileServer, Reply
from tests.api.video_files import video
from tests.results.keeping import BOTH, CONTENT, ORIGIN, OTHER, REQUEST, quick, sidecar, task

# --- stored


def test_keep_video_stores_file_and_sidecar_and_describes_both(store: Any, keep: Any) -> None:
    kept = keep()
    (output,) = kept.outputs
    assert store.get("clip.mp4") == CONTENT
    assert output.uri == f"{store.uri}/clip.mp4"
    assert (output.size, output.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert (output.container, output.duration, output.width, output.height) == ("mp4", 4.0, 320, 180)
    assert output.audio is sidecar(store)["audio"] is False
    assert not kept.skipped
    assert sidecar(store).items() >= {"task_id": "t1", "size": len(CONTENT), "sha256": output.sha256}.items()
    assert store.names() == BOTH
    assert store.leftovers() == []


@pytest.mark.parametrize("if_exists", ["skip", "overwrite", "fail"])
def test_keep_cut_connection_stores_the_whole_file(store: Any, keep: Any, server: FileServer, if_exists: str) -> None:
    server.script = [Reply(share=0.5)]
    keep(if_exists=if_exists)
    assert store.get("clip.mp4") == CONTENT
    assert server.ranges[1] == "bytes=10000000-"


def test_keep_file_changed_during_the_download_stores_the_new_one(store: Any, keep: Any, server: FileServer) -> None:
    server.script = [Reply(share=0.8), Reply(etag='"two"')]
    keep()
    assert store.get("clip.mp4") == CONTENT
    assert store.leftovers() == []


def test_keep_ended_link_is_renewed_by_polling_the_task(store: Any, keep: Any, server: FileServer) -> None:
    server.script = [Reply(share=0.5), Reply(status=403)]
    keep(renew=lambda: task(f"{server.url}?new"))
    assert store.get("clip.mp4") == CONTENT
    assert server.paths[-1].endswith("?new")


def test_keep_several_videos_lie_beside_each_other(store: Any, keep: Any, server: FileServer) -> None:
    kept = keep(server.url, f"{server.url}?2", f"{server.url}?3")
    names = ["clip.mp4", "clip-2.mp4", "clip-3.mp4"]
    assert [output.uri for output in kept.outputs] == [f"{store.uri}/{name}" for name in names]
    assert server.paths == ["/files/clip.mp4?3", "/files/clip.mp4?2", "/files/clip.mp4"]
    assert [(sidecar(store, name)["number"], sidecar(store, name)["videos"]) for name in names] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert keep(server.url, server.url, server.url) == replace(kept, skipped=True)


def test_keep_several_videos_interrupted_goes_on_with_the_missing(store: Any, keep: Any, server: FileServer) -> None:
    server.script = [Reply(), Reply(status=403)]
    with pytest.raises(LinkEndedError):
        keep(server.url, server.url)
    assert store.names() == ["clip-2.mp4", "clip-2.mp4.json"]
    assert not keep(server.url, server.url).skipped
    assert len(server.requests) == 3
    assert "clip.mp4" in store.names()


# --- something is there


@pytest.mark.parametrize("if_exists", ["skip", "fail"])
def test_keep_again_for_the_same_task_downloads_nothing(store: Any, keep: Any, server: Any, if_exists: str) -> None:
    first = keep(if_exists=if_exists)
    again = keep(if_exists=if_exists)
    assert again == replace(first, skipped=True)
    assert len(server.requests) == 1


def test_keep_same_request_of_another_task_is_used(keep: Any) -> None:
    first = keep()
    assert keep(origin=Origin("t9", "/v1/tasks/t9", fingerprint=REQUEST)) == replace(first, skipped=True)


@pytest.mark.parametrize("if_exists", ["skip", "fail"])
def test_keep_other_request_there_is_refused_with_the_fields(store: Any, keep: Any, if_exists: str) -> None:
    keep()
    with pytest.raises(OutputTakenError, match=r"task t1; different: prompt") as caught:
        keep(origin=OTHER, if_exists=if_exists)
    assert (caught.value.task_id, caught.value.poll_url) == ("t2", "/v1/tasks/t2")
    assert "paid for" in str(caught.value)
    assert sidecar(store)["task_id"] == "t1"


def test_keep_overwrite_replaces_file_and_sidecar(store: Any, keep: Any, server: FileServer) -> None:
    keep()
    server.content = video(6000)
    assert not keep(origin=OTHER, if_exists="overwrite").skipped
    assert store.get("clip.mp4") == server.content
    assert (sidecar(store)["task_id"], sidecar(store)["size"]) == ("t2", 6000)


def test_keep_file_without_sidecar_is_used_and_described(store: Any, keep: Any, caplog: Any) -> None:
    store.put("clip.mp4", CONTENT)
    kept = keep()
    (output,) = kept.outputs
    assert (kept.skipped, output.size, output.sha256, output.duration) == (True, len(CONTENT), None, 4.0)
    assert "no valid sidecar" in caplog.text


def test_keep_file_without_sidecar_and_fail_is_refused(store: Any, keep: Any) -> None:
    store.put("clip.mp4", b"something")
    with pytest.raises(OutputTakenError, match="another program"):
        keep(if_exists="fail")
    assert store.get("clip.mp4") == b"something"


def test_keep_sidecar_without_file_means_nothing_is_there(store: Any, keep: Any) -> None:
    store.put("clip.mp4.json", b'{"task_id": "t1", "sha256": "aa", "size": 5}')
    assert not keep().skipped
    assert sidecar(store)["size"] == len(CONTENT)


# --- nothing is left


@pytest.mark.parametrize(
    ("script", "more", "error"),
    [
        ([Reply(share=0.7), *[Reply(share=0)] * 9], {}, BrokenDownloadError),
        ([Reply(share=0.7), Reply(status=410)], {}, LinkEndedError),
        ([Reply(body=b"<html>" * 100)], {}, NotAVideoError),
        ([Reply(has_length=False)], {"max_bytes": 15_000_000}, VideoTooLargeError),
    ],
    ids=["broken", "ended", "no video", "too large"],
)
def test_keep_failed_download_leaves_nothing_and_names_the_task(
    store: Any, keep: Any, server: FileServer, script: list[Reply], more: dict[str, Any], error: type[Exception]
) -> None:
    server.script = list(script)
    with pytest.raises(error) as caught:
        keep(**more)
    assert "task_id=t1, poll_url=/v1/tasks/t1" in str(caught.value)
    assert store.names() == []
    assert store.leftovers() == []


def test_keep_timeout_of_airflow_leaves_nothing(store: Any, keep: Any, server: FileServer) -> None:
    class TaskTimeout(BaseException):
        pass

    def renew() -> Task:
        raise TaskTimeout

    server.script = [Reply(share=0.7), Reply(status=403)]
    with pytest.raises(TaskTimeout):
        keep(renew=renew)
    assert store.names() == []
    assert store.leftovers() == []


def test_keep_sidecar_cannot_be_written_publishes_no_video(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4.json").mkdir()
    with pytest.raises(OutputTakenError, match=r"clip\.mp4\.json"):
        ResultKeeper(target_for(tmp_path / "clip.mp4"), new_downloader=quick).keep(task(server.url), ORIGIN)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4.json"]


def test_keep_task_without_video_is_an_error(store: Any) -> None:
    with pytest.raises(MissingVideoError):
        ResultKeeper(target_for(f"{store.base}/clip.mp4")).keep(task(), ORIGIN)


def test_find_overwrite_never_reads_the_path(store: Any, keep: Any) -> None:
    keep()
    target = target_for(f"{store.base}/clip.mp4")
    assert ResultKeeper(target, if_exists="overwrite").find(ORIGIN) is None
    found = ResultKeeper(target).find(Origin(fingerprint=REQUEST))
    assert found is not None
    assert found.skipped


def test_keep_container_other_than_the_name_is_a_warning(
    store: Any, keep: Any, server: FileServer, caplog: Any
) -> None:
    server.content = video(5000).replace(b"ftypisom", b"ftypqt  ")
    assert keep().outputs[0].container == "mov"
    assert "whatever its name says" in caplog.text
