"""The type of a file by its own first bytes: a name may say anything."""

from __future__ import annotations

from lemondata_provider.api.container import SIGNATURE_BYTES, container_of

HEAD_BYTES = SIGNATURE_BYTES  # enough to recognize every type
_VIDEOS = {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "matroska": "video/x-matroska"}
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_SOUND_BRANDS = (b"M4A ", b"M4B ")


def media_type_of(head: bytes) -> str | None:
    """
    Return the media type that the first bytes of a file announce, such as ``image/png``.

    :param head: at least :data:`HEAD_BYTES`, if the file has as many.
    """
    if container := container_of(head):
        return _VIDEOS[container]
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp" and head[8:12] in _SOUND_BRANDS:
        return "audio/mp4"
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), _mpeg_sound(head))


def _mpeg_sound(head: bytes) -> str | None:
    """Recognize a frame of MPEG sound: eleven set bits, a version, and the layer."""
    if len(head) < 2 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return "audio/mpeg" if head[1] & 0xE6 == 0xE2 else None  # layer III: UTF-16 begins like layer I
