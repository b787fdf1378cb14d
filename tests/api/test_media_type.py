"""Types of files, by their first bytes."""

from __future__ import annotations

import io
import wave

import pytest

from lemondata_provider.api.media_type import media_type_of
from tests.api.video_files import CLIP, box


def sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setnchannels(1)
        writing.setsampwidth(2)
        writing.setframerate(8000)
        writing.writeframes(bytes(100))
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(56), "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (sound(), "audio/wav"),
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (b"\xff\xfb\x90\x00" + bytes(20), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"OggS" + bytes(20), "audio/ogg"),
        (b"fLaC" + bytes(20), "audio/flac"),
        (box(b"ftyp", b"M4A " + bytes(12)), "audio/mp4"),
        (CLIP, "video/mp4"),
        (box(b"ftyp", b"qt  " + bytes(12)), "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", "video/x-matroska"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_media_type_of_known_beginning_is_its_type(head: bytes, kind: str) -> None:
    assert media_type_of(head[:64]) == kind


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"\xff", b"\x89PNG", b"root:x:0:0:root", b"<svg xmlns=", b"\xff\xfeh\0i\0", b"RIFF\0\0\0\0AVI LIST"),
        *(b"%PDF-1.7", b"PK\x03\x04", b"\x7fELF", box(b"ftyp", b"M4P " + bytes(12)), b"\x1a\x45\xdf\xa3" + bytes(60)),
    ],
    ids=repr,
)
def test_media_type_of_anything_else_is_none(head: bytes) -> None:
    assert media_type_of(head[:64]) is None
