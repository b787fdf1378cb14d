"""Stored files as a browser gets them: in parts, with safe headers, and only what is a video."""

from __future__ import annotations

import json
import os

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from lemondata_provider.plugins import media
from lemondata_provider.plugins.access import readable_entry
from lemondata_provider.plugins.storage import PIECE, MediaRoots, media_roots
from lemondata_provider.videos.entry import EntryState, VideoEntry
from tests.api.video_files import FTYP

VIDEO = FTYP + bytes(range(256)) * (2 * PIECE // 256)
POSTER = b"\xff\xd8\xff\xe0 a picture"
WHO = {"dag_id": "d", "run_id": "r", "task_id": "t"}


class Page:
    """The routes, with one entry and the folders that its test allows."""

    def __init__(self) -> None:
        self.entry = VideoEntry(EntryState.COMPLETED)
        self.roots = MediaRoots()
        self.app = FastAPI()
        self.app.include_router(media.router)
        self.app.dependency_overrides[readable_entry] = lambda: self.entry
        self.app.dependency_overrides[media_roots] = lambda: self.roots
        self.client = TestClient(self.app)

    def get(self, kind: str = "video", method: str = "GET", **headers: str):
        return self.client.request(method, f"/media/{kind}", params=WHO, headers=headers)

    def record(self, file: str, poster: str | None = None) -> None:
        self.entry = VideoEntry(EntryState.COMPLETED, file=file, poster=poster)


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture(params=["folder", "bucket"])
def stored(request, page, tmp_path, moto_bucket):
    """A page whose entry names a stored video and its poster."""
    if request.param == "folder":
        (tmp_path / "clip.mp4").write_bytes(VIDEO)
        (tmp_path / "clip.mp4.jpg").write_bytes(POSTER)
        base, folders = f"file://{tmp_path}", json.dumps({f"file://{tmp_path}": None})
    else:
        moto_bucket.put("clip.mp4", VIDEO)
        moto_bucket.put("clip.mp4.jpg", POSTER)
        base, folders = "s3://minio@clips/day", json.dumps({"s3://clips/day": "minio"})
    page.roots = MediaRoots.read(folders)
    page.record(f"{base}/clip.mp4", f"{base}/clip.mp4.jpg")
    return page


def test_video_no_range_whole_file_comes_with_safe_headers(stored):
    answer = stored.get()
    assert (answer.status_code, answer.content == VIDEO) == (200, True)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(VIDEO))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["content-encoding"] == "identity"
    assert "clip.mp4" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("asked", "part"), [("0-9", slice(0, 10)), (f"{PIECE}-", slice(PIECE, None)), ("-7", slice(-7, None))]
)
def test_video_range_part_comes(stored, asked, part):
    answer = stored.get(range=f"bytes={asked}")
    assert (answer.status_code, answer.content == VIDEO[part]) == (206, True)
    first, last = range(len(VIDEO))[part][0], range(len(VIDEO))[part][-1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(VIDEO)}"


def test_video_range_beyond_the_end_is_416_with_the_size(stored):
    answer = stored.get(range="bytes=99999999-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(VIDEO)}")


def test_video_reader_has_this_version_nothing_comes(stored):
    tag = stored.get(method="HEAD").headers["etag"]
    assert stored.get(**{"if-none-match": tag}).status_code == 304
    assert stored.get(range="bytes=0-1", **{"if-range": tag}).status_code == 206
    assert stored.get(range="bytes=0-1", **{"if-range": '"old"'}).status_code == 200


def test_video_head_has_the_headers_of_get_and_no_body(stored):
    for headers in ({}, {"range": "bytes=5-9"}):
        head, get = stored.get(method="HEAD", **headers), stored.get(**headers)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert dict(head.headers) == dict(get.headers)


def test_poster_stored_beside_the_video_is_a_picture(stored):
    answer = stored.get("poster")
    assert (answer.content, answer.headers["content-type"]) == (POSTER, "image/jpeg")


def test_video_what_is_no_video_is_not_sent(page, tmp_path):
    for name in ("clip.mp4", "page.html", "key.pem", "empty.mp4"):
        (tmp_path / name).write_bytes(b"" if name == "empty.mp4" else b"<script>alert(1)</script> a secret")
        page.roots = MediaRoots.read(json.dumps({str(tmp_path): None}))
        page.record(str(tmp_path / name), str(tmp_path / name))
        for kind in ("video", "poster"):
            answer = page.get(kind)
            assert (answer.status_code, "secret" in answer.text) == (404, False)


@pytest.mark.parametrize("path", ["/etc/hostname", "file:///etc/hostname", "s3://other@clips/day/clip.mp4", "x", None])
def test_video_record_was_edited_nothing_is_read(stored, path):
    stored.record(path, path)
    for kind in ("video", "poster"):
        answer = stored.get(kind)
        assert answer.status_code == 404
        assert "detail" in answer.json()


def test_video_nothing_is_configured_says_what_to_set(page):
    page.record("/data/clip.mp4")
    answer = page.get()
    assert (answer.status_code, "media_roots" in answer.json()["detail"]) == (404, True)


def test_video_file_is_gone_says_so(stored):
    stored.record(str(stored.entry.file).replace("clip.mp4", "other.mp4"))
    answer = stored.get()
    assert (answer.status_code, "gone" in answer.json()["detail"]) == (404, True)


def test_video_path_is_a_folder_or_a_pipe_nothing_is_opened(page, tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    page.roots = MediaRoots.read(json.dumps({str(tmp_path): None}))
    for name in ("folder.mp4", "pipe.mp4"):
        page.record(str(tmp_path / name), str(tmp_path / name))
        assert (page.get().status_code, page.get("poster").status_code) == (404, 404)


@pytest.mark.slow  # the client of the store tries again and again
def test_video_store_is_away_says_nothing_of_it(page, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", '{"conn_type": "aws", "extra": {"endpoint_url": "http://127.0.0.1:1"}}')
    page.roots = MediaRoots.read('{"s3://clips": "away"}')
    page.record("s3://away@clips/clip.mp4")
    answer = page.get()
    assert answer.status_code == 502
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize("status", [401, 403, 404])
def test_video_reader_may_not_read_the_task_instance_is_refused_before_any_file(stored, status):
    def refuse() -> None:
        raise HTTPException(status)

    stored.app.dependency_overrides[readable_entry] = refuse
    for kind in ("video", "poster"):
        assert stored.get(kind).status_code == status


def test_video_other_methods_are_not_allowed(stored):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert stored.get(method=method).status_code == 405
