"""Which files the API server may read: persons may edit what is recorded, so each way around the folders is tried."""

from __future__ import annotations

import json

import pytest

from lemondata_provider.plugins import storage
from lemondata_provider.plugins.storage import LocalFile, MediaRoots, NotStreamedError, StoredObject

CONN = "aws_default"


@pytest.fixture
def folder(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "clip.mp4").write_bytes(b"video")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    return clips


def roots_of(*folders) -> MediaRoots:
    return MediaRoots.read(json.dumps(dict(folders)))


@pytest.fixture
def roots(folder) -> MediaRoots:
    return roots_of((f"file://{folder}", None), ("s3://bucket/clips", CONN), ("gs://open", None))


@pytest.mark.parametrize("path", ["file://{}/clip.mp4", "{}/clip.mp4", "{}//clip.mp4"])
def test_find_file_below_a_folder_is_read(roots, folder, path):
    file = roots.find(path.format(folder))
    assert b"".join(file.pieces(0, 5)) == b"video"


@pytest.mark.parametrize(
    "path",
    [
        "file://{}/../secret.mp4",
        "{}/../secret.mp4",
        "{}/../clips/clip.mp4",
        "file://{}/%2e%2e/secret.mp4",
        "/etc/hostname",
        "file:///etc/hostname",
        "file://elsewhere{}/clip.mp4",
        "{}-evil/clip.mp4",
        "{}",
        "{}/",
        "{}/\x00clip.mp4",
        "{}/" + "a/" * 100_000 + "clip.mp4",
        "clip.mp4",
        "https://example.com/clip.mp4",
        "http://169.254.169.254/latest/meta-data",
        "ftp://bucket/clip.mp4",
        "javascript:alert(1)",
    ],
)
def test_find_path_elsewhere_is_refused(roots, folder, path):
    with pytest.raises(NotStreamedError):
        roots.find(path.format(folder))


def test_find_symbolic_link_out_of_the_folder_is_refused(roots, folder):
    (folder / "link.mp4").symlink_to(folder.parent / "secret.mp4")
    (folder / "there").symlink_to(folder.parent)
    for path in ("link.mp4", "there/secret.mp4"):
        with pytest.raises(NotStreamedError):
            roots.find(f"{folder}/{path}")


def test_find_folder_is_a_symbolic_link_its_files_are_read(folder, tmp_path):
    (tmp_path / "latest").symlink_to(folder)
    assert isinstance(roots_of((f"{tmp_path}/latest", None)).find(f"{tmp_path}/latest/clip.mp4"), LocalFile)


@pytest.mark.parametrize(
    "path",
    [
        "s3://aws_default@bucket/clips-evil/clip.mp4",
        "s3://aws_default@bucket-evil/clips/clip.mp4",
        "s3://aws_default@bucket/clip.mp4",
        "s3://aws_default@bucket/clips/../secret.mp4",
        "s3://aws_default@bucket/clips/%2e%2e/secret.mp4",
        "s3://aws_default@bucket/clips/%2E%2E/secret.mp4",
        "s3://aws_default@bucket/clips//clip.mp4",
        "s3://aws_default@bucket/clips/..\\secret.mp4",
        "s3://other@bucket/clips/clip.mp4",
        "s3://bucket/clips/clip.mp4",
        "gs://aws_default@bucket/clips/clip.mp4",
        "gs://aws_default@open/clip.mp4",
        "abfs://aws_default@bucket/clips/clip.mp4",
    ],
)
def test_find_other_bucket_connection_or_scheme_is_refused(roots, path):
    with pytest.raises(NotStreamedError):
        roots.find(path)
    assert roots.why_not(path)


def test_why_not_object_below_a_folder_needs_no_connection(roots, monkeypatch):
    monkeypatch.setattr(storage, "_file_system", pytest.fail)
    assert roots.why_not("s3://aws_default@bucket/clips/day/clip.mp4") is None
    assert roots.why_not("gs://open/clip.mp4") is None


@pytest.mark.parametrize("path", [None, ""])
def test_why_not_nothing_recorded_names_the_parameter(roots, path):
    assert "output_path" in str(roots.why_not(path))


@pytest.mark.parametrize("configured", [None, "", " "])
def test_read_nothing_configured_says_where(configured):
    assert "[lemondata] media_roots" in str(MediaRoots.read(configured).why_not("/clip.mp4"))


@pytest.mark.parametrize(
    "configured",
    [
        "{",
        "[]",
        '"s3://bucket"',
        '{"s3://conn@bucket/clips": "conn"}',
        '{"s3://bucket/clips": 1}',
        '{"file:///data": "conn"}',
        '{"file:///": null}',
        '{"/": null}',
        '{"clips": null}',
        '{"https://example.com/clips": null}',
        '{"s3://bucket/../clips": null}',
    ],
)
def test_read_broken_setting_streams_nothing_and_says_why(configured, folder):
    roots = MediaRoots.read(configured)
    assert "cannot be read" in str(roots.why_not(f"{folder}/clip.mp4"))


class FakeStore:
    """A bucket that counts what is read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.read: list[int] = []

    def invalidate_cache(self) -> None:
        pass

    def info(self, key: str) -> dict:
        return {"size": len(self.content), "ETag": str(hash(self.content))}

    def cat_file(self, key: str, start: int, end: int) -> bytes:
        piece = self.content[start:end]
        self.read.append(len(piece))
        return piece


def test_pieces_reader_leaves_the_rest_is_not_asked_for():
    store = FakeStore(bytes(5 * storage.PIECE))
    pieces = StoredObject(store, "bucket/clip.mp4").pieces(10, len(store.content))
    assert len(next(pieces)) == storage.PIECE
    pieces.close()  # type: ignore[attr-defined] # a generator
    assert store.read == [storage.PIECE]


@pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 7), (0, storage.PIECE + 1), (5, 2 * storage.PIECE)])
def test_pieces_part_of_any_store_is_the_same(tmp_path, start, end):
    content = bytes(range(256)) * (2 * storage.PIECE // 256)
    (tmp_path / "clip.mp4").write_bytes(content)
    for file in (LocalFile(tmp_path / "clip.mp4"), StoredObject(FakeStore(content), "bucket/clip.mp4")):
        pieces = list(file.pieces(start, end))
        assert b"".join(pieces) == content[start:end]
        assert all(len(piece) <= storage.PIECE for piece in pieces)


def test_version_file_changes_tag_changes(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"one")
    before = LocalFile(path).version()
    path.write_bytes(b"other")
    assert LocalFile(path).version().etag != before.etag
    assert (
        StoredObject(FakeStore(b"one"), "b/c").version().etag != StoredObject(FakeStore(b"two"), "b/c").version().etag
    )
