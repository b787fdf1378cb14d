"""
What bytes are as a video: signature, wholeness, length and size, read as they stream by.

MP4 and QuickTime are boxes: a length, a name and a payload. Walking the top-level boxes tells a whole file from a cut
one, wherever the index (``moov``) stands. Memory is bounded: only the index is kept. Source: ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

Container = Literal["mp4", "mov", "webm", "matroska"]

SIGNATURE_BYTES = 64  # enough to recognize every container
MAX_INDEX_BYTES = 16 * 1024 * 1024  # a larger index is walked over, and not read
_MAX_HEADER = 16
# Brands of pictures and of sound alone, in the same boxes as MP4.
_OTHER_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"avif", b"avis", b"mif1", b"msf1", b"M4A ", b"M4B ", b"M4P "}
)
_QUICKTIME_WITHOUT_BRAND = frozenset({b"moov", b"mdat", b"wide"})
_EBML = b"\x1a\x45\xdf\xa3"
_DOCTYPES: dict[bytes, Container] = {b"webm": "webm", b"matroska": "matroska"}


@dataclass(frozen=True)
class VideoFacts:
    """
    What a file says of itself; ``None`` is unknown.

    :param container: the file format.
    :param duration: seconds; unknown for a fragmented file.
    :param width: pixels, as shown.
    :param height: pixels, as shown.
    :param has_audio: whether there is a sound track.
    """

    container: Container
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    has_audio: bool | None = None


def container_of(head: bytes) -> Container | None:
    """Return the container that the first bytes of a file announce, or ``None`` if they are no video."""
    name = head[4:8]
    if name == b"ftyp":
        brand = head[8:12]
        return None if brand in _OTHER_BRANDS else "mov" if brand == b"qt  " else "mp4"
    if name in _QUICKTIME_WITHOUT_BRAND:
        return "mov"
    if head.startswith(_EBML):
        return next((kind for word, kind in _DOCTYPES.items() if word in head[:SIGNATURE_BYTES]), None)
    return None


class ContainerReader:
    """
    Read a video block by block.

    :param container: what :func:`container_of` recognized.
    """

    def __init__(self, container: Container) -> None:
        self.container = container
        self._header = bytearray()
        self._rest = 0  # bytes of the current box that are still to come
        self._index: bytearray | None = None  # filled while the current box is the index
        self.facts = VideoFacts(container)  # until the index has come by
        self._seen: set[bytes] = set()
        self._blind = container not in ("mp4", "mov")  # no more boxes can be recognized
        self._malformed = False

    def feed(self, block: bytes | memoryview) -> None:
        """Read the next bytes."""
        view = memoryview(block)
        while view and not self._blind:
            view = self._skip(view) if self._rest else self._read_header(view)

    @property
    def is_whole(self) -> bool | None:
        """Return whether the bytes so far are a whole file; ``None`` if the container does not tell."""
        has_all = {b"moov", b"mdat"} <= self._seen
        if self._malformed:
            return has_all  # bytes after the last box harm nothing
        if self._blind:
            return None
        return has_all and not self._rest and not self._header

    def _skip(self, view: memoryview) -> memoryview:
        part = view[: self._rest]
        self._rest -= len(part)
        if self._index is not None:
            self._index += part
            if not self._rest:
                self.facts = read_index(bytes(self._index), self.container)
                self._index = None
        return view[len(part) :]

    def _read_header(self, view: memoryview) -> memoryview:
        part = view[: _header_length(self._header) - len(self._header)]
        self._header += part
        if box := _box(bytes(self._header)):
            self._begin(box)
            self._header.clear()
        return view[len(part) :]

    def _begin(self, box: _Box) -> None:
        if box.payload is None:  # to the end of the file, wherever that is
            self._blind = True
        elif box.payload < 0:
            self._blind = self._malformed = True
        else:
            self._rest = box.payload
            self._index = bytearray() if box.name == b"moov" and 0 < box.payload <= MAX_INDEX_BYTES else None
        if not self._malformed:
            self._seen.add(box.name)


def facts_of_file(file: BinaryIO) -> VideoFacts | None:
    """Return what a file that can be searched says of itself, or ``None`` if it is no video; read little of it."""
    container = container_of(file.read(SIGNATURE_BYTES))
    if container not in ("mp4", "mov"):
        return VideoFacts(container) if container else None
    at = 0
    while True:
        file.seek(at)
        box = _box(file.read(_MAX_HEADER))
        if box is None or box.payload is None or box.payload < 0:
            return VideoFacts(container)
        if box.name == b"moov" and box.payload <= MAX_INDEX_BYTES:
            file.seek(at + box.header)
            return read_index(file.read(box.payload), container)
        at += box.header + box.payload


def read_index(index: bytes, container: Container) -> VideoFacts:
    """Return what the payload of a ``moov`` box says; whatever is malformed is unknown."""
    boxes = dict(_boxes(index))
    tracks = [dict(_boxes(payload)) for name, payload in _boxes(index) if name == b"trak"]
    kinds = [_kind(track) for track in tracks]
    sizes = [_size(track.get(b"tkhd", b"")) for track, kind in zip(tracks, kinds, strict=True) if kind == b"vide"]
    width, height = sizes[0] if sizes else (None, None)
    # The index of a fragmented file knows nothing of the fragments after it.
    duration = None if b"mvex" in boxes else _duration(boxes.get(b"mvhd", b""))
    return VideoFacts(container, duration, width, height, b"soun" in kinds if tracks else None)


class _Box(NamedTuple):
    """What the header of a box says."""

    name: bytes
    header: int  # bytes
    payload: int | None  # bytes; ``None`` is "to the end", less than 0 is malformed


def _header_length(header: bytes | bytearray) -> int:
    return _MAX_HEADER if header[:4] == b"\0\0\0\1" else 8


def _box(header: bytes) -> _Box | None:
    """Return the box that begins here, or ``None`` if more bytes are needed."""
    length = _header_length(header)
    if len(header) < length:
        return None
    size = struct.unpack_from(">Q", header, 8)[0] if length == _MAX_HEADER else struct.unpack_from(">I", header)[0]
    return _Box(header[4:8], length, size - length if size else None)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and payload of each box."""
    at = 0
    while box := _box(content[at : at + _MAX_HEADER]):
        begin = at + box.header
        at = len(content) if box.payload is None else begin + box.payload
        if at < begin:
            return
        yield box.name, content[begin:at]


def _kind(track: dict[bytes, bytes]) -> bytes:
    """Return the handler of a track, such as ``vide`` or ``soun``."""
    return dict(_boxes(track.get(b"mdia", b""))).get(b"hdlr", b"")[8:12]


def _duration(mvhd: bytes) -> float | None:
    layout, at = (">IQ", 20) if mvhd[:1] == b"\1" else (">II", 12)
    if len(mvhd) < at + struct.calcsize(layout):
        return None
    scale, units = struct.unpack_from(layout, mvhd, at)
    unknown = 2**64 - 1 if layout == ">IQ" else 2**32 - 1
    return round(units / scale, 3) if scale and units and units != unknown else None


def _size(tkhd: bytes) -> tuple[int | None, int | None]:
    """Return width and height as shown: a track may be turned by a quarter."""
    at = 52 if tkhd[:1] == b"\1" else 40  # of the matrix
    if len(tkhd) < at + 44:
        return None, None
    matrix = struct.unpack_from(">9i", tkhd, at)
    width, height = (value >> 16 for value in struct.unpack_from(">II", tkhd, at + 36))
    if not width or not height:
        return None, None
    return (height, width) if matrix[0] == matrix[4] == 0 else (width, height)
