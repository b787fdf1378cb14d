from __future__ import annotations

import pytest

from lemondata_provider.catalog.media import broken_inline, host_of, is_local, not_public, plain_http

HERE = [
    *("http://localhost:8080/a", "http://127.0.0.1/a", "http://[::1]:1/a", "https://10.1.2.3/a", "https://192.168.0.9"),
    *("https://172.16.0.1/a", "http://169.254.169.254/a", "http://minio:9000/a", "https://media.internal/a"),
    *("https://nas.local/a", "https://a.localhost/a", "http://0.0.0.0/a", "https://[fd00::1]/a"),
]
THERE = ["https://cdn.example/a", "https://8.8.8.8/a", "https://user@x.example:8443/a?b", "https://[2606:4700::1]/a"]


@pytest.mark.parametrize("url", HERE)
def test_is_local_loopback_or_private_host_is_true(url: str) -> None:
    assert is_local(url)
    (warning,) = not_public({"image_url": url})
    assert warning.startswith(f"image_url is {host_of(url)}/…, which LemonData cannot reach")
    assert list(plain_http({"image_url": url})) == []


@pytest.mark.parametrize("url", THERE)
def test_is_local_public_host_is_false(url: str) -> None:
    assert not is_local(url)
    assert [*not_public({"image_url": url}), *plain_http({"image_url": url})] == []


def test_is_local_invalid_url_is_false() -> None:
    assert not is_local("http://[::1")


@pytest.mark.parametrize("fields", [{"video_url": "http://x.example/a"}, {"reference_images": ["HTTP://x.example/a"]}])
def test_plain_http_http_url_is_a_warning(fields: dict[str, object]) -> None:
    (warning,) = plain_http(fields)
    (name,) = fields
    scheme = "http" if name == "video_url" else "HTTP"
    assert warning == f"{name} is {scheme}://x.example/…, over http: LemonData recommends https."


@pytest.mark.parametrize(
    "url", ["s3://bucket/a", "s3://aws@bucket/a", "gs://bucket/a", "file:///srv/a.png", "/srv/a.png", "asset://asset-1"]
)
def test_media_warnings_file_that_the_worker_reads_has_none(url: str) -> None:
    fields = {"image_url": url, "reference_images": [url]}
    assert [*not_public(fields), *plain_http(fields), *broken_inline(fields)] == []


def test_not_public_data_url_is_a_warning() -> None:
    (warning,) = not_public({"image": " data:image/png;base64,AAAA"})
    assert warning.startswith("image holds a data: URL")


def test_media_warnings_url_with_secrets_do_not_quote_them() -> None:
    urls = {"image_url": "http://me:secret@10.0.0.1/secret?secret=1", "image": "data:image/png;base64,secret"}
    public = {"image_url": "http://me:secret@x.example/secret?secret=1"}
    assert "secret" not in str([*not_public(urls), *plain_http(public)])


@pytest.mark.parametrize(
    "payload", ["not*base64!", "A", "AAAAA", "", "====", "AA=A", "AAA\N{LATIN SMALL LETTER E WITH ACUTE}", "%%%%"]
)
@pytest.mark.parametrize("name", ["image", "image_url", "start_image", "video_url", "audio_url"])
def test_broken_inline_base64_that_cannot_be_decoded_is_one_sentence(payload: str, name: str) -> None:
    (sentence,) = broken_inline({name: f"data:image/png;base64,{payload}"})
    assert sentence == f"{name} holds a data: URL whose base64 is broken: encode the file again."
    assert len(list(broken_inline({"image_urls": [f" DATA:image/png;BASE64 ,{payload}"]}))) == 1


@pytest.mark.parametrize(
    "url",
    [
        *("data:image/png;base64,AAAA", "data:image/png;base64,AA", "data:image/png;base64,AAA=", "data:,any text*"),
        *("data:image/png;base64,A-_A\r\n AA==\n", "data:image/png;base64,AA%2BA%3D%3D"),
        "data:image/svg+xml,%3Csvg%3E",
        "https://x.example/a;base64,*",
    ],
)
def test_broken_inline_base64_that_can_be_decoded_is_nothing(url: str) -> None:
    assert list(broken_inline({"image": url})) == []
