"""Small video files, built box by box, and the ready-made clip of the sandbox."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import lemondata_provider.sandbox

CLIP = (Path(lemondata_provider.sandbox.__file__).parent / "clip.mp4").read_bytes()


def box(name: bytes, payload: bytes = b"", large: bool = False) -> bytes:
    if large:
        return struct.pack(">I4sQ", 1, name, 16 + len(payload)) + payload
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def track(kind: bytes, width: int = 0, height: int = 0, turned: bool = False, version: int = 0) -> bytes:
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000) if turned else (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0)
    times = 32 if version else 20
    head = bytes([version, 0, 0, 0]) + bytes(times) + bytes(16)
    tkhd = head + struct.pack(">9i", *matrix) + struct.pack(">II", width << 16, height << 16)
    return box(b"trak", box(b"tkhd", tkhd) + box(b"mdia", box(b"hdlr", bytes(8) + kind + bytes(12))))


def index(seconds: float = 4, tracks: bytes | None = None, version: int = 0, more: bytes = b"") -> bytes:
    layout = struct.pack(">IQ", 1000, int(seconds * 1000)) if version else struct.pack(">II", 1000, int(seconds * 1000))
    mvhd = bytes([version, 0, 0, 0]) + bytes(16 if version else 8) + layout + bytes(80)
    return box(b"moov", box(b"mvhd", mvhd) + (track(b"vide", 320, 180) if tracks is None else tracks) + more)


FTYP = box(b"ftyp", b"isom" + bytes(4) + b"isommp41")


def video(size: int = 100_000, index_first: bool = False) -> bytes:
    """Return a whole MP4 of this many bytes, whose media data repeat nowhere."""
    moov = index()
    room = size - len(FTYP) - len(moov) - 8
    mdat = box(b"mdat", random.Random(size).randbytes(room))  # noqa: S311 # no secret
    return FTYP + (moov + mdat if index_first else mdat + moov)
