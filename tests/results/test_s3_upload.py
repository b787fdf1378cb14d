"""An upload to S3 in parts: several at once, in order whatever comes back first, and nothing left of a failed one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import pytest

from lemondata_provider.results.s3_upload import PART_SIZE, PARTS_AT_ONCE, S3Sink


class FakeS3:
    """The file system's calls; parts end when they are let go."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.calls: list[str] = []
        self.parts: dict[int, bytes] = {}
        self.running = self.most = 0
        self.let_go = threading.Event()
        self.let_go.set()
        self.failing: set[int] = set()
        self.completed: dict[str, Any] = {}

    def call_s3(self, method: str, *_: Any, **arguments: Any) -> dict[str, Any]:
        self.calls.append(method)
        self.completed = arguments
        return {"UploadId": "upload-1"}

    async def _call_s3(self, method: str, **arguments: Any) -> dict[str, Any]:
        number = arguments["PartNumber"]
        self.running += 1
        self.most = max(self.most, self.running)
        while not self.let_go.is_set():  # noqa: ASYNC110 # another thread sets it
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.005 * (5 - number % 5))  # later parts end earlier
        self.running -= 1
        if number in self.failing:
            raise PermissionError("Access Denied")
        self.parts[number] = arguments["Body"]
        return {"ETag": f"etag-{number}", "ChecksumCRC32": "x"}

    def close(self) -> None:
        async def end() -> None:
            pending = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*pending, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    fake = FakeS3()
    yield fake
    fake.close()


def sink_of(s3: FakeS3, exclusive: bool = True) -> S3Sink:
    def errors(_: str) -> AbstractContextManager[None]:
        return nullcontext()

    return S3Sink(s3, "bucket/day/clip.mp4", exclusive, errors)


def write(sink: S3Sink, parts: int) -> bytes:
    blocks = [bytes([65 + number]) * PART_SIZE for number in range(parts)]
    for block in blocks:
        sink.write(block)
    return b"".join(blocks)


def test_commit_many_parts_joins_them_in_their_order(s3):
    sink = sink_of(s3)
    content = write(sink, 5)
    sink.write(b"rest")
    sink.commit()
    assert b"".join(s3.parts[number] for number in sorted(s3.parts)) == content + b"rest"
    parts = s3.completed["MultipartUpload"]["Parts"]
    assert parts == [{"PartNumber": number, "ETag": f"etag-{number}"} for number in range(1, 7)]
    assert s3.completed["IfNoneMatch"] == "*"
    assert 1 < s3.most <= PARTS_AT_ONCE


def test_commit_small_object_is_one_request(s3):
    sink = sink_of(s3, exclusive=False)
    sink.write(b"clip")
    sink.commit()
    sink.abandon()
    assert s3.calls == ["put_object"]
    assert s3.completed == {"Body": b"clip", "Bucket": "bucket", "Key": "day/clip.mp4"}


def test_write_store_is_slow_holds_no_more_than_its_parts(s3):
    s3.let_go.clear()
    sink = sink_of(s3)
    written = threading.Thread(target=write, args=(sink, PARTS_AT_ONCE + 3), daemon=True)
    written.start()
    written.join(0.2)
    assert written.is_alive()  # it waits for the first part
    assert s3.running <= PARTS_AT_ONCE
    s3.let_go.set()
    written.join(10)
    assert not written.is_alive()


def test_part_fails_is_raised_by_the_commit_at_the_latest_and_abandon_aborts(s3):
    s3.failing = {2}
    sink = sink_of(s3)
    write(sink, 3)
    with pytest.raises(PermissionError):
        sink.commit()
    sink.abandon()
    assert s3.calls == ["create_multipart_upload", "abort_multipart_upload"]


def test_abandon_hanging_parts_are_cancelled(s3):
    s3.let_go.clear()
    sink = sink_of(s3)
    write(sink, 2)
    parts = list(sink._parts)
    sink.abandon()
    assert all(part.cancelled() for part in parts)
    assert s3.calls[-1] == "abort_multipart_upload"


def test_restart_begins_a_new_upload(s3):
    sink = sink_of(s3)
    write(sink, 2)
    sink.restart()
    content = write(sink, 1)
    sink.commit()
    assert s3.parts[1] == content
    assert [part["PartNumber"] for part in s3.completed["MultipartUpload"]["Parts"]] == [1]
    assert s3.calls.count("create_multipart_upload") == 2


def test_abandon_while_the_first_request_hangs_leaves_no_upload(s3, monkeypatch):
    entered, let_go, call_s3 = threading.Event(), threading.Event(), s3.call_s3

    def hang(method: str, *others: Any, **arguments: Any) -> Any:
        if method == "create_multipart_upload":
            entered.set()
            let_go.wait(10)
        return call_s3(method, *others, **arguments)

    def write_in_a_thread() -> None:
        with suppress(CancelledError):
            write(sink, 2)

    monkeypatch.setattr(s3, "call_s3", hang)
    sink = sink_of(s3)
    writing = threading.Thread(target=write_in_a_thread, daemon=True)
    writing.start()
    assert entered.wait(10)
    sink.abandon()  # Airflow's timeout came, and the write was waited for long enough
    let_go.set()
    writing.join(10)
    assert s3.calls == ["create_multipart_upload", "abort_multipart_upload"]
    assert (s3.parts, s3.running) == ({}, 0)
