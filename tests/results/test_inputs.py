"""Media from storage: what is sent for a file, and what is refused before anything is sent."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from lemondata_provider.api.errors import InputUnreadableError, InvalidRequestError, LemonDataError
from lemondata_provider.api.http_logs import SWITCH
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.results.inputs import LINK_SECONDS, sendable
from tests.api.video_files import CLIP
from tests.results.stores import Bucket, Folder

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MP3 = b"ID3\x04" + bytes(500)
FILES = {"png": PNG, "mp3": MP3, "mp4": CLIP}
IN_BUCKET = "s3://minio@clips/day"
NOTHING_PAID = "Nothing was sent, and nothing was paid for."


def resolved(is_local_service: bool = True, **fields: Any) -> VideoRequest:
    return sendable(VideoRequest.checked(model="veo3.1", prompt="a cat", **fields), is_local_service)


def content_of(url: str | None) -> tuple[str, bytes]:
    head, _, payload = (url or "").partition(";base64,")
    return head, base64.b64decode(payload, validate=True)


def fetched(url: str | None) -> bytes:
    return httpx.get(str(url), trust_env=False).raise_for_status().content


def refused(error: type[LemonDataError], **fields: Any) -> str:
    with pytest.raises(error) as caught:
        resolved(**fields)
    assert NOTHING_PAID in caught.value.message
    assert next(iter(fields)) in caught.value.message.split()[0]
    return caught.value.message


# --- links


def test_sendable_object_becomes_a_link_that_anybody_can_fetch(bucket: Bucket) -> None:
    bucket.put("clip.mp4", CLIP)
    request = resolved(video_url=f"{IN_BUCKET}/clip.mp4")
    assert fetched(request.video_url) == CLIP
    query = parse_qs(urlsplit(str(request.video_url)).query)
    assert query["X-Amz-Expires"] == [str(LINK_SECONDS)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def test_sendable_connection_with_a_signature_version_keeps_it(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("clip.mp4", CLIP)
    bucket.config = {"signature_version": "s3"}
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", bucket.connection())
    link = resolved(video_url=f"{IN_BUCKET}/clip.mp4").video_url
    assert "AWSAccessKeyId=" in str(link)
    assert fetched(link) == CLIP


def test_sendable_lists_and_elements_keep_their_order_and_the_other_urls(bucket: Bucket) -> None:
    bucket.put("a.png", PNG)
    bucket.put("b.mp3", MP3)
    link, asset, file = "https://cdn.test/a.png", "asset://asset-1", f"{IN_BUCKET}/a.png"
    request = resolved(
        image_urls=[link, file, asset],
        audio_urls=[f"{IN_BUCKET}/b.mp3"],
        kling_elements=[{"name": "cat", "element_input_urls": [link, file]}, {"name": "dog", "element_input_urls": 5}],
        extra_params={"mesh_url": file},
    )
    urls, (cat, dog) = request.image_urls or [], request.kling_elements or []
    assert (urls[0], urls[2]) == (link, asset)
    assert fetched(urls[1]) == PNG
    assert fetched((request.audio_urls or [""])[0]) == MP3
    inputs: Any = cat["element_input_urls"]
    assert (cat["name"], inputs[0], fetched(inputs[1])) == ("cat", link, PNG)
    assert dog == {"name": "dog", "element_input_urls": 5}
    assert request.extra_params == {"mesh_url": file}  # a field that is not known to hold media


def test_sendable_request_without_files_is_the_very_same() -> None:
    fields: dict[str, Any] = {"image_url": "https://cdn.test/a.png", "image": "data:image/png;base64,AAAA"}
    elements = [{"name": "cat", "element_input_urls": ["https://cdn.test/a.png"]}, {}]
    request = VideoRequest.checked(model="m", prompt="s3://bucket/a.png", **fields, kling_elements=elements)
    assert sendable(request, is_local_service=False) is request


def test_sendable_leaves_the_given_request_alone(bucket: Bucket) -> None:
    bucket.put("a.png", PNG)
    given = VideoRequest.checked(model="m", image_url=f"{IN_BUCKET}/a.png")
    sendable(given, is_local_service=True)
    assert given.image_url == f"{IN_BUCKET}/a.png"


# --- contents


@pytest.mark.parametrize("scheme", ["", "file://", "file://localhost", "file://conn@"])
def test_sendable_file_on_a_disk_becomes_a_data_url(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "picture.mp4").write_bytes(PNG)  # its name says something else
    request = resolved(image_url=f"{scheme}{tmp_path}/picture.mp4")
    assert content_of(request.image_url) == ("data:image/png", PNG)


@pytest.mark.parametrize(
    ("name", "file", "kind"),
    [
        ("image", "png", "image/png"),
        ("video_url", "mp4", "video/mp4"),
        ("audio_url", "mp3", "audio/mpeg"),
        ("audio_url", "mp4", "video/mp4"),
    ],
)
def test_sendable_file_has_its_own_type_in_every_field(tmp_path: Path, name: str, file: str, kind: str) -> None:
    (tmp_path / "file").write_bytes(FILES[file])
    fields: dict[str, Any] = {name: f"{tmp_path}/file"}
    assert content_of(getattr(resolved(**fields), name)) == (f"data:{kind}", FILES[file])


def test_sendable_object_on_a_private_endpoint_becomes_a_data_url_for_the_real_service(bucket: Bucket) -> None:
    bucket.put("a.png", PNG)
    request = resolved(is_local_service=False, image_url=f"{IN_BUCKET}/a.png")
    assert content_of(request.image_url) == ("data:image/png", PNG)


def test_sendable_object_on_a_public_endpoint_becomes_a_link_for_the_real_service(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lemondata_provider.results.objects import ObjectTarget  # noqa: PLC0415 # for this test only

    bucket.put("a.png", PNG)
    public = "https://clips.s3.amazonaws.com/day/a.png?X-Amz-Signature=0"
    monkeypatch.setattr(ObjectTarget, "link", lambda *_: public)
    assert resolved(is_local_service=False, image_url=f"{IN_BUCKET}/a.png").image_url == public


def test_sendable_field_for_contents_gets_the_content(bucket: Bucket) -> None:
    bucket.put("a.png", PNG)
    assert content_of(resolved(image=f"{IN_BUCKET}/a.png").image) == ("data:image/png", PNG)


# --- refusals


@pytest.mark.parametrize("name", ["image_url", "reference_images"])
def test_sendable_missing_file_is_an_error_that_a_retry_may_mend(store: Folder | Bucket, name: str) -> None:
    path = f"{store.base}/none.png"
    message = refused(InputUnreadableError, **{name: [path] if name.endswith("s") else path})
    assert f"{store.uri}/none.png does not exist" in message
    assert not InputUnreadableError("x").final


def test_sendable_missing_bucket_is_named(bucket: Bucket) -> None:
    message = refused(InputUnreadableError, image_url="s3://minio@nowhere/a.png")
    assert "s3://nowhere/a.png does not exist: there is no bucket 'nowhere'" in message


def test_sendable_connection_that_is_not_defined_is_named() -> None:
    message = refused(InputUnreadableError, image_url="s3://missing@clips/a.png")
    assert "names the connection 'missing', which is not defined" in message


def test_sendable_store_whose_package_is_missing_names_the_package() -> None:
    pytest.importorskip("s3fs")
    assert "airflow-provider-lemondata[gcs]" in refused(InputUnreadableError, image_url="gs://clips/a.png")


def test_sendable_store_that_cannot_be_reached_is_an_error_that_a_retry_may_mend(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.endpoint = "http://127.0.0.1:9"
    bucket.config = {"retries": {"max_attempts": 0}, "connect_timeout": 1}
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", bucket.connection())
    assert "cannot be read" in refused(InputUnreadableError, image_url=f"{IN_BUCKET}/a.png")


def test_sendable_empty_file_is_refused(store: Folder | Bucket) -> None:
    store.put("a.png", b"")
    assert f"{store.uri}/a.png is empty" in refused(InvalidRequestError, image_url=f"{store.base}/a.png")


def test_sendable_file_of_no_known_type_is_refused(store: Folder | Bucket) -> None:
    store.put("a.png", b"root:x:0:0:root:/root:/bin/bash" * 9)
    message = refused(InvalidRequestError, image_urls=["https://cdn.test/a.png", f"{store.base}/a.png"])
    assert message.startswith(f"image_urls[1]: {store.uri}/a.png is no image, video or sound")
    assert "x:0:0" not in message


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("image_url", "mp4", "is video/mp4, and image_url takes image"),
        ("video_url", "png", "is image/png, and video_url takes video"),
        ("video_url", "mp3", "is audio/mpeg, and video_url takes video"),
        ("audio_url", "png", "is image/png, and audio_url takes audio or video"),
    ],
)
def test_sendable_file_of_another_kind_than_the_field_is_refused(
    store: Folder | Bucket, name: str, file: str, words: str
) -> None:
    store.put("file", FILES[file])
    assert words in refused(InvalidRequestError, **{name: f"{store.base}/file"})


@pytest.mark.parametrize(
    ("name", "file", "megabytes"), [("image_url", "png", 20), ("audio_url", "mp3", 25), ("video_url", "mp4", 50)]
)
def test_sendable_file_that_is_too_large_is_refused_unread(
    tmp_path: Path, name: str, file: str, megabytes: int
) -> None:
    with (tmp_path / "file").open("wb") as writing:
        writing.write(FILES[file][:64])
        writing.truncate(megabytes * 1024**2 + 1)  # with a hole: it takes no room
    message = refused(InvalidRequestError, **{name: f"{tmp_path}/file"})
    assert f"has {megabytes}.0 MB, and {megabytes} MB can be sent as content" in message


def test_sendable_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refused(InvalidRequestError, image_url=str(tmp_path))


# --- secrets


def test_sendable_link_is_in_no_log_and_no_representation(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.put("clip.mp4", CLIP)
    with caplog.at_level(logging.DEBUG):
        request = resolved(video_url=f"{IN_BUCKET}/clip.mp4")
    (secret,) = parse_qs(urlsplit(str(request.video_url)).query)["X-Amz-Signature"]
    assert secret not in caplog.text + repr(request)
    assert "video_url: LemonData gets a link to s3://clips/day/clip.mp4" in caplog.text


def test_sendable_content_is_in_no_log_and_no_representation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    with caplog.at_level(logging.DEBUG):
        request = resolved(image_url=f"{tmp_path}/a.png")
    assert base64.b64encode(PNG).decode()[:40] not in caplog.text + repr(request)
    assert f"gets the content of file://{tmp_path}/a.png (image/png, {len(PNG)} bytes)" in caplog.text


def test_link_signature_logged_by_botocore_is_shown_on_request_only(
    bucket: Bucket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    bucket.put("clip.mp4", CLIP)
    with caplog.at_level(logging.DEBUG):
        link = resolved(video_url=f"{IN_BUCKET}/clip.mp4").video_url
    (secret,) = parse_qs(urlsplit(str(link)).query)["X-Amz-Signature"]
    assert secret in caplog.text
