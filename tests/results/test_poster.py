"""The poster of a stored video, which is worth something and never worth the video."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import av
import pytest

from lemondata_provider import sandbox
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.poster import MAX_WIDTH, find_poster, store_poster
from tests.api.file_server import serving
from tests.results.keeping import CONTENT

CLIP = (Path(sandbox.__file__).parent / "clip.mp4").read_bytes()


def clip_in(store, content: bytes = CLIP):
    store.put("clip.mp4", content)
    return target_for(f"{store.base}/clip.mp4")


def wide_clip(width: int, height: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", "mp4") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for packet in [*stream.encode(av.VideoFrame(width, height, "yuv420p")), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def size_of(picture: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(picture)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def test_store_poster_any_store_first_picture_stands_beside_the_video(store):
    assert store_poster(clip_in(store)) == f"{store.base}/clip.mp4.jpg"
    picture = store.get("clip.mp4.jpg")
    assert picture.startswith(b"\xff\xd8\xff")
    assert size_of(picture) == size_of(CLIP)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (1922, 1082)])
def test_store_poster_wide_video_is_scaled_down_in_proportion(store, width, height):
    store_poster(clip_in(store, wide_clip(width, height)))
    shown_width, shown_height = size_of(store.get("clip.mp4.jpg"))
    assert shown_width <= MAX_WIDTH
    assert shown_width / shown_height == pytest.approx(width / height, rel=0.02)


@pytest.mark.parametrize("content", [b"", CONTENT, CLIP[:500]], ids=["empty", "noise", "cut"])
def test_store_poster_video_cannot_be_decoded_there_is_none(store, content):
    assert store_poster(clip_in(store, content)) is None
    assert store.get("clip.mp4.jpg") is None


def test_store_poster_without_pyav_reads_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert store_poster(target_for("/nowhere/clip.mp4")) is None


def test_store_poster_folder_cannot_be_written_there_is_none(store, mocker):
    target = clip_in(store)
    mocker.patch.object(type(target), "write", side_effect=OSError("disk full"))
    assert store_poster(target) is None


def test_find_poster_tells_whether_there_is_one(store):
    target = clip_in(store)
    assert find_poster(target) is None
    assert store_poster(target) == find_poster(target)


def test_keep_video_result_names_its_poster_and_again_when_it_is_skipped(keep, store):
    with serving(CLIP) as server:
        first, again = keep(server.url), keep(server.url)
    assert (first.skipped, again.skipped) == (False, True)
    assert first.result()["poster_path"] == again.result()["poster_path"] == f"{store.base}/clip.mp4.jpg"


def test_keep_poster_fails_video_is_kept_all_the_same(keep, store):
    kept = keep(store_poster=lambda target: None)
    assert kept.result()["poster_path"] is None
    assert store.get("clip.mp4") == CONTENT


def test_keep_video_is_replaced_and_gets_no_poster_old_one_goes(keep, store):
    with serving(CLIP) as server:
        keep(server.url)
    assert store.get("clip.mp4.jpg")
    kept = keep(if_exists="overwrite", store_poster=lambda target: None)
    assert kept.result()["poster_path"] is None
    assert store.get("clip.mp4.jpg") is None
