"""
Download a finished video: a link becomes bytes in a sink, and each byte is counted, hashed and checked as it comes.

The video is paid for, so a download goes on while it can: it resumes where it broke off, starts again if the file may
have changed, and asks for a new link if the old one ended. Source: RFC 9110 (range requests).
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from lemondata_provider.api.block_writer import Sink
from lemondata_provider.api.environment import build, ssl_context
from lemondata_provider.api.errors import BrokenDownloadError, LemonDataError, LinkEndedError
from lemondata_provider.api.fields import read_retry_after, read_whole
from lemondata_provider.api.file_link import open_link, shown
from lemondata_provider.api.http_logs import quiet_http_logs
from lemondata_provider.api.video_body import PAID, Downloaded, Interrupted, VideoBody
from lemondata_provider.api.wire import CONNECT_TIMEOUT, READ_TIMEOUT, USER_AGENT

log = logging.getLogger(__name__)

MAX_FAILURES = 5  # in a row, without progress
MAX_RENEWALS = 2  # new links in a row, without progress
MIN_PROGRESS = 256 * 1024  # more bytes than ever before, to count as progress
MIN_PAUSE, MAX_PAUSE = 0.4, 20.0  # seconds between two attempts
LINK_ENDED = frozenset({400, 401, 403, 404, 410})  # what storage services answer to a link that is too old


class Downloader:
    """
    An HTTP client for files: without a key, and without LemonData's rate limit. Use it as a context manager.

    :param read_timeout: seconds until the next bytes, not for the whole file.
    :param sleep: how to wait between two attempts.
    :param jitter: random numbers from 0 to 1.
    """

    def __init__(
        self,
        read_timeout: float = READ_TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.sleep = sleep
        self.jitter = jitter
        timeout = httpx.Timeout(read_timeout, connect=CONNECT_TIMEOUT)
        # Compressed bytes could be neither resumed nor counted.
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        options = {"headers": headers, "timeout": timeout, "verify": ssl_context(), "follow_redirects": False}
        self.http = build(httpx.Client, options)

    def download(
        self, url: str, sink: Sink, renew: Callable[[], str | None] | None = None, max_bytes: int | None = None
    ) -> Downloaded:
        """
        Download a video into a sink.

        :param url: the link.
        :param sink: takes the bytes; it may hold a part of them after an error.
        :param renew: returns a new link once the old one ended.
        :param max_bytes: refuse a larger file, before its first byte if the server announces the size.
        :raises LinkEndedError: the link ended, and so did two new ones.
        :raises BrokenDownloadError: five attempts in a row brought nothing new.
        :raises NotAVideoError: the link leads to something else.
        :raises VideoTooLargeError: the file is larger than ``max_bytes``.
        :raises DownloadError: the link leads to an address that is not allowed.
        """
        return _Transfer(self, url, VideoBody(sink, max_bytes), renew).run()

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()


class _LinkEnded(Interrupted):
    pass


class _Transfer:
    """One download, over as many requests as it takes."""

    def __init__(
        self, downloader: Downloader, url: str, body: VideoBody, renew: Callable[[], str | None] | None
    ) -> None:
        self._downloader = downloader
        self._url = url
        self._body = body
        self._renew = renew
        self._validator: str | None = None  # identifies the very bytes that arrived so far
        self._total: int | None = None  # as announced
        self._progress = 0  # at the last time that the counters were set to 0
        self._failures = self._renewals = 0

    def run(self) -> Downloaded:
        """Send requests until the file is whole."""
        try:
            while True:
                try:
                    return self._attempt()
                except Interrupted as interruption:
                    self._prepare_next(interruption)
        except BaseException:  # a timeout of Airflow's is no Exception
            self._body.stop()
            raise

    def _attempt(self) -> Downloaded:
        headers = {}
        if self._body.received and self._validator:
            headers = {"Range": f"bytes={self._body.received}-", "If-Range": self._validator}
        with self._transport_errors_interrupt(), open_link(self._downloader.http, self._url, headers) as response:
            self._read_head(response, resumes=bool(headers))
            content_type = response.headers.get("content-type", "without a content type")
            for block in response.iter_raw():
                self._body.write(block, content_type)
        arrived = self._body.received
        if self._total is not None and 0 < arrived < self._total:
            raise Interrupted("the connection closed early")
        try:
            return self._body.end(content_type)
        except Interrupted:
            if self._total is not None:  # the rest cannot be asked for
                self._validator = None
            raise

    @contextmanager
    def _transport_errors_interrupt(self) -> Iterator[None]:
        try:
            with quiet_http_logs():
                yield
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise Interrupted(f"{type(error).__name__}: {error}".rstrip(": ")) from None

    def _read_head(self, response: httpx.Response, resumes: bool) -> None:
        """Check status and announced size; start again unless the server sends exactly the missing bytes."""
        status = response.status_code
        if status in LINK_ENDED:
            raise _LinkEnded(f"the server answered {status}")
        if resumes and status == 206 and self._continues(response):
            return
        if status in (200, 206, 416):  # the missing bytes cannot be had
            self._body.restart()
            self._validator = self._total = None
        if status != 200:
            retry_after = read_retry_after(response.headers.get("retry-after"), time.time())
            raise Interrupted(f"the server answered {status}", retry_after)
        self._validator = _validator_of(response)
        self._total = read_whole(response.headers.get("content-length"))
        self._body.check_size(self._total or 0)

    def _continues(self, response: httpx.Response) -> bool:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
        if found is None or int(found[1]) != self._body.received:
            return False
        total = read_whole(found[2])
        if (total or self._total) != (self._total or total) or _validator_of(response) not in (None, self._validator):
            return False
        self._total = total or self._total
        self._body.check_size(self._total or 0)
        return True

    def _prepare_next(self, interruption: Interrupted) -> None:
        """Count the failure, and wait or ask for a new link before the next attempt."""
        body = self._body
        if body.most >= self._progress + MIN_PROGRESS:
            self._progress, self._failures, self._renewals = body.most, 0, 0
        ended = isinstance(interruption, _LinkEnded)
        self._failures, self._renewals = self._failures + (not ended), self._renewals + ended
        log.warning("Downloading %s was interrupted: %s", shown(self._url), interruption)
        if ended:
            self._url = self._new_link(interruption)
        elif self._failures >= MAX_FAILURES:
            raise BrokenDownloadError(self._message(f"failed {MAX_FAILURES} times in a row, at last: {interruption}"))
        self._downloader.sleep(self._pause(interruption.retry_after))
        if body.received and not self._validator:
            body.restart()  # equal length is no proof of the same file

    def _new_link(self, interruption: Interrupted) -> str:
        reason = str(interruption)
        try:
            url = self._renew() if self._renew and self._renewals <= MAX_RENEWALS else None
        except LemonDataError as error:
            url, reason = None, f"{reason}, and asking for a new link failed: {error.message}"
        if not url:
            raise LinkEndedError(self._message(f"failed: {reason}"))
        return url

    def _pause(self, retry_after: float | None) -> float:
        attempt = max(self._failures, self._renewals)
        pause = MIN_PAUSE * 4.0 ** (attempt - 1) * (1 + self._downloader.jitter())
        return min(max(pause, retry_after or 0.0), MAX_PAUSE)

    def _message(self, what: str) -> str:
        total = "" if self._total is None else f" of {self._total:,}"
        return f"Downloading {shown(self._url)} {what}. {self._body.received:,}{total} bytes arrived. {PAID}"


def _validator_of(response: httpx.Response) -> str | None:
    """Return what identifies these very bytes: a strong ETag, or else the time of the last change."""
    etag: str = response.headers.get("etag", "")
    modified: str | None = response.headers.get("last-modified")
    return etag if etag.startswith('"') else modified
