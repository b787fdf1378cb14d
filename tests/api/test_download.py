"""A download over a real connection that breaks: it resumes, starts again, renews its link, or says why it cannot."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import (
    BrokenDownloadError,
    DownloadError,
    LinkEndedError,
    NotAVideoError,
    TaskNotFoundError,
    VideoTooLargeError,
)
from lemondata_provider.api.video_body import Downloaded
from tests.api.file_server import FileServer, MemorySink, Reply, serving
from tests.api.video_files import video

CONTENT = video(2_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


class Download:
    """Downloads into memory, and notes the pauses."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        self.slept: list[float] = []

    def __call__(self, url: str, **more: Any) -> Downloaded:
        with Downloader(read_timeout=5, sleep=self.slept.append, jitter=lambda: 0.0) as downloader:
            return downloader.download(url, self.sink, **more)

    def error(self, url: str, kind: type[DownloadError | VideoTooLargeError], **more: Any) -> Any:
        with pytest.raises(kind) as caught:
            self(url, **more)
        assert type(caught.value) is kind
        return caught.value


@pytest.fixture
def download() -> Download:
    return Download()


def whole(download: Download, downloaded: Downloaded) -> bool:
    same = download.sink.content == CONTENT and downloaded.sha256 == DIGEST and downloaded.size == len(CONTENT)
    return same and (downloaded.facts.duration, downloaded.facts.width, downloaded.facts.height) == (4.0, 320, 180)


# --- whole


def test_download_whole_file_needs_one_request_without_key_or_compression(server: Any, download: Any) -> None:
    assert whole(download, download(server.url))
    (request,) = server.requests
    assert request["accept-encoding"] == "identity"
    assert "authorization" not in request
    assert "range" not in request
    assert download.sink.largest < 8 * 1024 * 1024


def test_download_without_content_length_is_whole_by_its_boxes(server: Any, download: Any) -> None:
    server.script = [Reply(has_length=False)]
    assert whole(download, download(server.url))


# --- cut


def test_download_cut_with_etag_resumes_with_range_and_if_range(server: Any, download: Any) -> None:
    server.script = [Reply(share=0.5)]
    assert whole(download, download(server.url))
    assert server.ranges == [None, "bytes=1000000-"]
    assert server.requests[1]["if-range"] == '"one"'
    assert download.sink.restarts == 0


def test_download_cut_with_last_modified_resumes(server: Any, download: Any) -> None:
    server.etag, server.last_modified = None, "Wed, 21 Oct 2026 07:28:00 GMT"
    server.script = [Reply(share=0.5), Reply(share=0.5)]
    assert whole(download, download(server.url))
    assert server.ranges == [None, "bytes=1000000-", "bytes=1500000-"]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_download_cut_without_strong_validator_restarts(server: Any, download: Any, etag: str | None) -> None:
    server.etag = etag
    server.script = [Reply(share=0.5)]
    assert whole(download, download(server.url))
    assert server.ranges == [None, None]
    assert download.sink.restarts == 1


@pytest.mark.parametrize(
    "second",
    [
        Reply(has_ranges=False),
        Reply(etag='"two"'),
        Reply(status=206, headers={"Content-Range": "bytes 5-1999999/2000000"}),
        Reply(status=206, headers={"Content-Range": "bytes 1000000-1999999/2000001"}),
        Reply(status=206, etag='"two"', headers={"Content-Range": "bytes 1000000-1999999/2000000"}),
        Reply(status=416, body=b""),
    ],
    ids=["range ignored", "etag changed", "another range", "another size", "another etag", "range refused"],
)
def test_download_cut_and_file_not_resumable_restarts(server: Any, download: Any, second: Reply) -> None:
    server.script = [Reply(share=0.5), second]
    assert whole(download, download(server.url))
    assert download.sink.restarts == 1


def test_download_cut_without_content_length_is_found_and_resumed(server: Any, download: Any) -> None:
    server.script = [Reply(share=0.5, has_length=False)]
    assert whole(download, download(server.url))
    assert server.ranges == [None, "bytes=1000000-"]


def test_download_file_cut_at_the_server_is_downloaded_again(server: Any, download: Any) -> None:
    server.script = [Reply(body=CONTENT[: len(CONTENT) // 2])]
    assert whole(download, download(server.url))
    assert server.ranges == [None, None]


def test_download_server_busy_during_resume_keeps_what_arrived(server: Any, download: Any) -> None:
    server.script = [Reply(share=0.5), Reply(status=503, body=b"busy", headers={"Retry-After": "7"})]
    assert whole(download, download(server.url))
    assert download.sink.restarts == 0
    assert download.slept == [0.4, 7.0]


def test_download_every_attempt_with_progress_never_gives_up(server: Any, download: Any) -> None:
    server.script = [Reply(share=0.2) for _ in range(7)]
    assert whole(download, download(server.url))


def test_download_five_failures_without_progress_raise_with_cause_and_cost(server: Any, download: Any) -> None:
    server.script = [Reply(share=0.5), *[Reply(share=0)] * 9]
    error = download.error(f"{server.url}?signature=secret", BrokenDownloadError)
    assert len(server.requests) == 5
    assert download.slept == [0.4, 1.6, 6.4, 20.0]
    assert "1,000,000 of 2,000,000 bytes" in str(error)
    assert "paid for" in str(error)
    assert "secret" not in str(error)
    assert not error.final


def test_download_server_away_raises_broken_download(download: Any, unused_url: str) -> None:
    assert "ConnectError" in str(download.error(unused_url, BrokenDownloadError))


def test_download_error_survives_pickling(download: Any, unused_url: str) -> None:
    error = download.error(unused_url, BrokenDownloadError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 # our own


def test_download_empty_answer_is_asked_for_again(server: Any, download: Any) -> None:
    server.script = [Reply(body=b"")]
    assert whole(download, download(server.url))


# --- links


@pytest.mark.parametrize("status", [403, 404, 410])
def test_download_link_ended_in_the_middle_resumes_with_a_new_link(server: Any, download: Any, status: int) -> None:
    server.script = [Reply(share=0.5), Reply(status=status, body=b"<Error>expired</Error>")]
    assert whole(download, download(server.url, renew=lambda: f"{server.url}?new"))
    assert server.paths[-1].endswith("?new")
    assert server.ranges[-1] == "bytes=1000000-"


def test_download_link_ended_without_renewal_raises_at_once(server: Any, download: Any) -> None:
    server.script = [Reply(status=403)]
    error = download.error(server.url, LinkEndedError)
    assert "403" in str(error)
    assert not error.final


def test_download_two_renewed_links_ended_too_raises(server: Any, download: Any) -> None:
    server.script = [Reply(status=403) for _ in range(9)]
    asked: list[str] = []

    def renew() -> str:
        asked.append("again")
        return str(server.url)

    download.error(server.url, LinkEndedError, renew=renew)
    assert (len(asked), len(server.requests)) == (2, 3)


def failing() -> str:
    raise TaskNotFoundError("The task is gone.")


@pytest.mark.parametrize("renew", [failing, lambda: None])
def test_download_renewal_fails_is_no_final_error(server: Any, download: Any, renew: Callable[[], Any]) -> None:
    server.script = [Reply(status=410)]
    assert not download.error(server.url, LinkEndedError, renew=renew).final


# --- something else


@pytest.mark.parametrize(
    "body", [b"<html><body>Sign in</body></html>" * 9, b'{"error": "gone"}', b"\0\0\0\x18ftypheic" + bytes(90)]
)
def test_download_no_video_is_refused_before_a_byte_is_stored(server: Any, download: Any, body: bytes) -> None:
    server.script = [Reply(body=body)]
    error = download.error(server.url, NotAVideoError)
    assert repr(body[:10])[2:-1] in str(error)
    assert download.sink.content == b""


def test_download_announced_size_above_the_limit_is_refused_before_the_first_byte(server: Any, download: Any) -> None:
    error = download.error(server.url, VideoTooLargeError, max_bytes=1_999_999)
    assert download.sink.content == b""
    assert error.final


def test_download_actual_size_above_the_limit_is_refused(server: Any, download: Any) -> None:
    server.script = [Reply(has_length=False)]
    download.error(server.url, VideoTooLargeError, max_bytes=1_000_000)
    assert len(download.sink.content) <= 1_000_000


def test_download_size_at_the_limit_passes(server: Any, download: Any) -> None:
    assert whole(download, download(server.url, max_bytes=len(CONTENT)))


def test_download_sink_fails_raises_its_error_at_once(server: Any, download: Any) -> None:
    class FullSink(MemorySink):
        def write(self, block: bytes) -> None:
            raise OSError(28, "No space left on device")

    download.sink = FullSink()
    with pytest.raises(OSError, match="No space left"):
        download(server.url)
    assert len(server.requests) == 1
