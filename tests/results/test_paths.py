"""Which target a path means."""

from __future__ import annotations

import pytest
from airflow.sdk import ObjectStoragePath

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.results.local import LocalTarget
from lemondata_provider.results.objects import ObjectTarget
from lemondata_provider.results.paths import file_path, numbered, target_for


@pytest.mark.parametrize(
    ("path", "kind", "uri"),
    [
        ("/data/clip.mp4", LocalTarget, "file:///data/clip.mp4"),
        ("file:///data/clip.mp4", LocalTarget, "file:///data/clip.mp4"),
        ("file://localhost/data/clip.mp4", LocalTarget, "file:///data/clip.mp4"),
        ("file://conn@/data/clip.mp4", LocalTarget, "file:///data/clip.mp4"),
        ("s3://clips/day/clip.mp4", ObjectTarget, "s3://clips/day/clip.mp4"),
        ("s3://minio@clips/day/clip.mp4", ObjectTarget, "s3://clips/day/clip.mp4"),
        ("gs://google@clips/clip.mp4", ObjectTarget, "gs://clips/clip.mp4"),
        ("abfs://azure@clips/clip.mp4", ObjectTarget, "abfs://clips/clip.mp4"),
    ],
)
def test_target_for_path_has_its_kind_and_a_uri_without_connection(path: str, kind: type, uri: str) -> None:
    target = target_for(path)
    assert (type(target), target.uri, target.path) == (kind, uri, path)


@pytest.mark.parametrize("path", ["s3://minio@clips/day/clip.mp4", "file:///data/clip.mp4"])
def test_target_for_object_storage_path_keeps_its_connection(path: str) -> None:
    assert target_for(ObjectStoragePath(path)).path == path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("clip.mp4", "absolute"),
        ("~/clip.mp4", "absolute"),
        ("", "absolute"),
        ("file://host/clip.mp4", "must begin with"),
        ("memory://clips/clip.mp4", "must begin with"),
        ("hdfs://clips/clip.mp4", "must begin with file://, s3://, gs://, abfs:// or /"),
        ("https://host/clip.mp4", "must begin with"),
        ("s3://clips", "must name a bucket and a file"),
        ("s3:///clip.mp4", "must name a bucket and a file"),
        ("s3://clips/day/", "folder"),
        ("/data/", "folder"),
    ],
)
def test_target_for_other_path_is_refused(path: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        target_for(path)


@pytest.mark.parametrize(
    ("path", "map_index", "expected"),
    [
        ("s3://clips/day/clip.mp4", 3, "s3://clips/day/clip.mp4"),
        ("s3://clips/day/", -1, "s3://clips/day/make.mp4"),
        ("s3://clips/day/", 3, "s3://clips/day/make-3.mp4"),
        ("/data/", 0, "/data/make-0.mp4"),
    ],
)
def test_file_path_in_a_folder_is_named_by_the_task(path: str, map_index: int, expected: str) -> None:
    assert file_path(path, "make", map_index) == expected


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("clip.mp4", 2, "clip-2.mp4"),
        ("clip.v1.mp4", 2, "clip.v1-2.mp4"),
        ("clip", 3, "clip-3"),
        (".hidden", 2, ".hidden-2"),
    ],
)
def test_numbered_second_video_lies_beside_the_first(name: str, number: int, expected: str) -> None:
    assert numbered(name, number) == expected
