from __future__ import annotations

import logging
from typing import Any

import pytest
from pydantic import ValidationError

from lemondata_provider.api.task import STATUS_WORDS, Task, TaskStatus
from tests.api.payloads import WHEN, WRONG, A, B, read_task

# --- status


WORDS = {
    **dict.fromkeys(("pending", "queued"), TaskStatus.PENDING),
    **dict.fromkeys(("processing", "running"), TaskStatus.PROCESSING),
    **dict.fromkeys(("completed", "succeeded"), TaskStatus.COMPLETED),
    **dict.fromkeys(("failed", "expired", "cancelled", "canceled", "error"), TaskStatus.FAILED),
}


def test_words_of_this_test_are_all_that_are_known() -> None:
    assert STATUS_WORDS.keys() == WORDS.keys()


@pytest.mark.parametrize(("word", "status"), WORDS.items())
def test_status_documented_word_in_any_case_is_known(
    word: str, status: TaskStatus, caplog: pytest.LogCaptureFixture
) -> None:
    for written in (word, word.upper(), word.title(), f" {word}\n", word[:2].upper() + word[2:]):
        task = read_task(status=written)
        assert (task.status, task.raw_status) == (status, written.strip())
    assert not caplog.records


@pytest.mark.parametrize("value", [None, "", "  ", 5, True, [], {}, ["completed"], {"status": "completed"}])
def test_status_wrong_type_counts_as_missing(value: object, caplog: pytest.LogCaptureFixture) -> None:
    assert read_task(status=value).status is TaskStatus.PENDING
    assert read_task().status is TaskStatus.PENDING
    assert not caplog.records


def test_status_unknown_word_is_processing_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        seen = [
            read_task(status=word).status for word in ("Simmering-71", "simmering-71", " SIMMERING-71 ", "basting-72")
        ]
    assert seen == [TaskStatus.PROCESSING] * 4
    assert [record.args for record in caplog.records] == [("simmering-71",), ("basting-72",)]


def test_status_very_long_word_is_logged_shortened(caplog: pytest.LogCaptureFixture) -> None:
    read_task(status="thinking-73" + "!" * 10_000)
    assert len(caplog.messages[0]) < 200


# --- progress


@pytest.mark.parametrize(
    ("value", "progress"),
    [
        (45, 45.0),
        ("45", 45.0),
        ("45%", 45.0),
        (" 45 % ", 45.0),
        ("45.5%", 45.5),
        (0.5, 0.5),
        (0, 0.0),
        (100, 100.0),
        (-3, 0.0),
        (300, 100.0),
        ("-3%", 0.0),
        (True, None),
        (False, None),
        (float("nan"), None),
        (float("inf"), None),
        ("NaN", None),
        ("inf", None),
        (10**400, None),
        ("half", None),
        ("45%%", None),
        ("", None),
        ([45], None),
        ({"percent": 45}, None),
        (None, None),
    ],
)
def test_progress_any_value_is_a_percentage_or_none(value: object, progress: float | None) -> None:
    assert read_task(progress=value).progress == progress


# --- times


@pytest.mark.parametrize(
    "value",
    [
        1_700_000_000,
        1_700_000_000.0,
        "1700000000",
        1_700_000_000_000,
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T23:13:20+01:00",
        "2023-11-14T22:13:20",
        "2023-11-14 22:13:20",
    ],
)
@pytest.mark.parametrize("name", ["created", "created_at"])
def test_created_unix_seconds_milliseconds_or_iso_is_read(name: str, value: object) -> None:
    created = read_task(**{name: value}).created
    assert created == WHEN
    assert created is not None
    assert created.tzinfo is not None


@pytest.mark.parametrize("value", [*WRONG[6:], "yesterday", "2023-13-45T99:99:99Z", 1e300, -1e300, "\ud83d"])
@pytest.mark.parametrize("name", ["created", "created_at", "updated", "completed_at"])
def test_created_and_updated_malformed_are_none(name: str, value: object) -> None:
    task = read_task(**{name: value})
    assert (task.created, task.updated) == (None, None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"created": "x", "created_at": 1_700_000_000}, "created"),
        ({"created": 1_700_000_000, "created_at": 5}, "created"),
        ({"completed_at": 1_700_000_000}, "updated"),
        ({"updated": None, "completed_at": 1_700_000_000}, "updated"),
        ({"updated": 1_700_000_000, "completed_at": 5}, "updated"),
    ],
)
def test_created_and_updated_two_names_use_the_first_readable(fields: dict[str, Any], field: str) -> None:
    assert getattr(read_task(**fields), field) == WHEN


# --- videos


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"video_url": A}, [A]),
        ({"video": {"url": A}}, [A]),
        ({"video": A}, [A]),
        ({"videos": [{"url": A}, {"url": B}]}, [A, B]),
        ({"videos": [A, B]}, [A, B]),
        ({"videos": [A, {"url": B}]}, [A, B]),
        ({"videos": [{"video_url": A}]}, [A]),
        ({"data": [{"url": A}]}, [A]),
        ({"content": {"video_url": A}}, [A]),
        ({"videos": A}, [A]),
        ({"videos": {"url": A}}, [A]),
        ({"videos": [A, A, {"url": A}]}, [A]),
        ({"videos": [A], "video": {"url": A}, "video_url": A}, [A]),
        ({"videos": [A], "video_url": B}, [A, B]),
        ({"videos": [], "video": None, "video_url": A}, [A]),
        ({"videos": None, "video": {}, "video_url": ""}, []),
        ({"videos": [None, 5, True, [], [A], {}, {"url": None}, {"url": [A]}, {"href": A}, B]}, [B]),
        ({"video": [A], "video_url": {"url": A}}, [A]),
        ({"video_url": f" {A}\n"}, [A]),
        ({}, []),
    ],
)
def test_videos_in_any_documented_field_are_found(fields: dict[str, Any], urls: list[str]) -> None:
    assert [video.url for video in read_task(**fields).videos] == urls


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("5", 5), (5.0, 5), (None, None), ("x", None), ([], None), (True, None)]
)
def test_video_length_and_size_malformed_are_none(value: object, number: float | None) -> None:
    (video,) = read_task(video={"url": A, "duration": value, "width": value, "height": value, "bitrate": value}).videos
    assert (video.duration, video.width, video.height) == (number, number, number)


@pytest.mark.parametrize(
    "fields",
    [
        {"videos": [A], "video": {"url": A, "width": 1280, "height": 720, "duration": 5}},
        {"videos": [{"url": A}], "video": {"url": A, "width": 1280, "height": 720, "duration": 5}},
        {"videos": [{"url": A, "width": 1280, "height": 720, "duration": 5}], "video": {"url": A}},
    ],
)
def test_video_named_twice_uses_the_most_complete_entry(fields: dict[str, Any]) -> None:
    (video,) = read_task(**fields).videos
    assert (video.width, video.height, video.duration) == (1280, 720, 5)


# --- error, flags and texts


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        ("it broke", None, "it broke"),
        ({"code": "nsfw", "message": "it broke"}, "nsfw", "it broke"),
        (["it broke", {"message": "badly"}], None, "it broke; badly"),
        ({"message": "  it broke\n", "more": 1}, None, "it broke"),
        ({"code": "nsfw"}, "nsfw", None),
    ],
)
def test_task_error_text_or_object_is_read(value: object, code: str | None, message: str | None) -> None:
    error = read_task(error=value).error
    assert error is not None
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize("value", [None, "", "  ", 5, True, [], {}, {"code": 5, "message": {}}])
def test_task_error_wrong_type_is_none(value: object) -> None:
    assert read_task(error=value).error is None


@pytest.mark.parametrize("name", ["fail_reason", "message", "msg", "detail", "reason", "error_message"])
@pytest.mark.parametrize("value", ["moderation", ["moderation"], {"message": "moderation"}, [{"msg": "moderation"}]])
def test_task_error_reason_in_another_field_is_read(name: str, value: object) -> None:
    error = read_task(status="failed", **{name: value}).error
    assert error is not None
    assert error.message == "moderation"


@pytest.mark.parametrize(("value", "cancelled"), [(True, True), (False, False), (1, False), ("true", False)])
def test_cancelled_anything_but_true_is_false(value: object, cancelled: bool) -> None:
    assert read_task(cancelled=value).cancelled is cancelled


@pytest.mark.parametrize("name", ["cancellation_status", "billing_transaction_id", "model"])
@pytest.mark.parametrize(("value", "text"), [("abc", "abc"), (" abc ", "abc"), ("", None), (5, None), ([], None)])
def test_text_fields_any_value_are_stripped_or_none(name: str, value: object, text: str | None) -> None:
    assert getattr(read_task(**{name: value}), name) == text


def test_raw_unknown_fields_are_kept() -> None:
    payload = {"status": "processing", "brand_new": {"deep": [1]}, "queue_position": 3}
    assert Task.read(payload, "t", "/p").raw == payload


def test_task_assigning_a_field_raises() -> None:
    with pytest.raises(ValidationError):
        read_task().status = TaskStatus.COMPLETED  # type: ignore[misc] # it is refused: that is the test


def test_task_read_other_id_in_answer_keeps_the_requested_one() -> None:
    task = Task.read({"id": "other", "poll_url": "https://evil.test/x"}, "t", "/v1/tasks/t?x=1")
    assert (task.id, task.poll_url) == ("t", "/v1/tasks/t?x=1")


# --- videos in odd places


@pytest.mark.parametrize(
    "fields",
    [
        {"output": A},
        {"output": [A]},
        {"output": {"video_url": A}},
        {"result": {"videos": [{"url": A}]}},
        {"results": [{"url": A}]},
        {"url": A},
        {"data": {"video": {"url": A}}},
        {"download_url": A},
    ],
    ids=str,
)
def test_videos_url_in_an_undocumented_field_is_found(fields: dict[str, Any]) -> None:
    assert [video.url for video in read_task(status="completed", **fields).videos] == [A]


def test_videos_documented_field_wins_over_others() -> None:
    assert [video.url for video in read_task(video_url=A, output=B, url=B).videos] == [A]


@pytest.mark.parametrize(
    "link", ["data:video/mp4;base64,AAAA", "https://x.test/" + "a" * 10_000, "", "  ", "https://x.test/a b", None, 5]
)
def test_videos_link_that_cannot_be_followed_is_none(link: object) -> None:
    task = read_task(status="completed", video_url=link, videos=[{"url": link}])
    assert (task.videos, task.result()["video_url"]) == ((), None)


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("/files/a.mp4?sig=1%2F2", "https://gw.test/files/a.mp4?sig=1%2F2"),
        ("a.mp4", "https://gw.test/v1/tasks/a.mp4"),
        ("//cdn.test/a.mp4", "https://cdn.test/a.mp4"),
        (A, A),
        ("s3://bucket/a.mp4", "s3://bucket/a.mp4"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_with_absolute_links_path_is_relative_to_the_answer(link: str, absolute: str) -> None:
    task = read_task(status="completed", video_url=link, last_frame_url=link)
    task = task.with_absolute_links("https://gw.test/v1/tasks/t1")
    assert (task.result()["video_url"], task.result()["last_frame_url"]) == (absolute, absolute)
