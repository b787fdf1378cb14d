"""What bytes are as a video: signatures, whole and cut files, and what the index says."""

from __future__ import annotations

import io
import random
import tracemalloc
from typing import Any

import av
import numpy as np
import pytest

from lemondata_provider.api.container import (
    MAX_INDEX_BYTES,
    ContainerReader,
    VideoFacts,
    container_of,
    facts_of_file,
    read_index,
)
from tests.api.video_files import CLIP, FTYP, box, index, track, video

NO_INDEX = FTYP + box(b"mdat", b"x" * 1000)


def read(content: bytes, step: int = 0) -> ContainerReader:
    container = container_of(content)
    assert container is not None
    reader = ContainerReader(container)
    for at in range(0, len(content), step or len(content)):
        reader.feed(content[at : at + (step or len(content))])
    return reader


def rendered(form: str, codec: str, sound: bool = False, options: dict[str, str] | None = None) -> bytes:
    """Return a video of one second that FFmpeg wrote."""
    file: Any = io.BytesIO()
    with av.open(file, "w", format=form, options=options or {}) as output:
        stream: Any = output.add_stream(codec, rate=10, width=64, height=48, pix_fmt="yuv420p")
        audio: Any = output.add_stream("aac", rate=8000) if sound else None
        for _ in range(10):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
        if audio:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 8000
            output.mux([*audio.encode(frame), *audio.encode(None)])
    return bytes(file.getvalue())


# --- signatures


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (FTYP, "mp4"),
        (box(b"ftyp", b"qt  "), "mov"),
        (box(b"wide"), "mov"),
        (box(b"mdat", b"x"), "mov"),
        (index(), "mov"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm", "webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", "matroska"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88unknown!", None),
        (box(b"ftyp", b"heic"), None),
        (box(b"ftyp", b"avif"), None),
        (box(b"ftyp", b"mif1"), None),
        (box(b"ftyp", b"M4A "), None),
        (b"<!DOCTYPE html><html>", None),
        (b'{"error": {"message": "gone"}}', None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"", None),
    ],
)
def test_container_of_first_bytes_names_the_container(head: bytes, container: str | None) -> None:
    assert container_of(head) == container


# --- whole and cut


@pytest.mark.parametrize("step", [0, 1, 7, 16, 1000])
@pytest.mark.parametrize(
    "content",
    [
        CLIP,
        video(5000),
        video(5000, index_first=True),
        FTYP + box(b"mdat", b"x" * 50, large=True) + index(),
        FTYP + box(b"mdat") + index() + box(b"free", b"y" * 20),
        video(5000) + b"\0\0\0\5junk",
    ],
    ids=["clip", "index last", "index first", "16-byte header", "empty box", "bytes after the last box"],
)
def test_reader_whole_file_is_whole_in_blocks_of_any_size(content: bytes, step: int) -> None:
    assert read(content, step).is_whole is True


@pytest.mark.parametrize("index_first", [True, False])
def test_reader_file_cut_anywhere_is_not_whole(index_first: bool) -> None:
    content = video(3000, index_first)
    whole = [length for length in range(SHORTEST, len(content)) if read(content[:length]).is_whole]
    assert whole == []


SHORTEST = 16  # as many bytes as tell the container


def test_reader_file_without_index_is_not_whole() -> None:
    assert read(NO_INDEX).is_whole is False


def test_reader_last_box_to_the_end_of_file_cannot_tell() -> None:
    assert read(FTYP + index() + b"\0\0\0\0mdat" + b"x" * 100).is_whole is None


def test_reader_webm_cannot_tell() -> None:
    assert read(rendered("webm", "libvpx")).is_whole is None


def test_reader_broken_length_before_the_media_is_not_whole() -> None:
    assert read(FTYP + b"\0\0\0\5junk" + index()).is_whole is False


def test_reader_random_bytes_after_the_signature_raise_nothing() -> None:
    rng = random.Random(5)  # noqa: S311 # no secret
    for _ in range(300):
        reader = read(FTYP + rng.randbytes(rng.randrange(200)), step=13)
        assert reader.is_whole in (False, None)
        read_index(rng.randbytes(300), "mp4")


def test_reader_huge_index_is_skipped_in_bounded_memory() -> None:
    content = FTYP + box(b"moov", bytes(MAX_INDEX_BYTES + 1)) + box(b"mdat", b"x")
    tracemalloc.start()
    try:
        reader = read(content, step=65536)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (reader.is_whole, reader.facts) == (True, VideoFacts("mp4"))
    assert peak < 1_000_000


# --- facts


def test_facts_clip_of_the_sandbox_agree_with_ffmpeg() -> None:
    with av.open(io.BytesIO(CLIP), "r") as container:
        stream = container.streams.video[0]
        expected = (stream.width, stream.height, bool(container.streams.audio))
        seconds = (container.duration or 0) / av.time_base
    facts = read(CLIP).facts
    assert (facts.width, facts.height, facts.has_audio) == expected
    assert facts.duration == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("sound", [True, False])
def test_facts_rendered_file_tell_length_size_and_sound(sound: bool) -> None:
    facts = read(rendered("mp4", "mpeg4", sound), step=100).facts
    assert (facts.container, facts.width, facts.height, facts.has_audio) == ("mp4", 64, 48, sound)
    assert facts.duration == pytest.approx(1.0, abs=0.2)


def test_facts_fragmented_file_have_no_duration() -> None:
    content = rendered("mp4", "mpeg4", options={"movflags": "frag_keyframe+empty_moov"})
    reader = read(content)
    assert reader.is_whole is True
    assert reader.facts == VideoFacts("mp4", None, 64, 48, False)


def test_facts_fragmented_file_with_a_first_part_in_the_index_have_no_duration() -> None:
    assert read(FTYP + index(1.5, more=box(b"mvex"))).facts.duration is None


def test_facts_long_version_of_the_boxes_are_read() -> None:
    tracks = track(b"vide", 1280, 720, version=1)
    assert read(FTYP + index(2.5, tracks, version=1)).facts == VideoFacts("mp4", 2.5, 1280, 720, False)


def test_facts_turned_track_swap_width_and_height() -> None:
    tracks = track(b"soun") + track(b"vide", 1280, 720, turned=True)
    assert read(FTYP + index(1, tracks)).facts == VideoFacts("mp4", 1.0, 720, 1280, True)


@pytest.mark.parametrize("content", [b"", box(b"mvhd"), box(b"mvhd", bytes(100)), box(b"trak", box(b"tkhd", b"x"))])
def test_facts_malformed_index_are_unknown(content: bytes) -> None:
    facts = read_index(content, "mp4")
    assert (facts.duration, facts.width, facts.height) == (None, None, None)


@pytest.mark.parametrize("content", [CLIP, video(5000), video(5000, index_first=True), NO_INDEX, FTYP])
def test_facts_of_file_are_those_of_the_stream(content: bytes) -> None:
    assert facts_of_file(io.BytesIO(content)) == read(content).facts


def test_facts_of_file_webm_names_the_container() -> None:
    assert facts_of_file(io.BytesIO(rendered("webm", "libvpx"))) == VideoFacts("webm")


def test_facts_of_file_text_is_none() -> None:
    assert facts_of_file(io.BytesIO(b"<html>")) is None
