from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lemondata_provider.api.models import Model, ModelPrice
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.api.task import Task, TaskStatus, canonical_poll_url, identify, task_id_of

WRONG = [None, True, False, 0, -1, 3.5, float("nan"), float("inf"), 10**400, "", " ", "x", [], ["x"], {}, {"url": 5}]


def read(**fields: Any) -> Task:
    return Task.read(fields, "ldtask_1", "/v1/tasks/ldtask_1")


# --- status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", TaskStatus.PENDING),
        ("processing", TaskStatus.PROCESSING),
        ("completed", TaskStatus.COMPLETED),
        ("succeeded", TaskStatus.COMPLETED),
        ("failed", TaskStatus.FAILED),
        ("expired", TaskStatus.FAILED),
        ("cancelled", TaskStatus.FAILED),
        ("canceled", TaskStatus.FAILED),
        ("error", TaskStatus.FAILED),
    ],
)
def test_status_documented_word_in_any_case_is_known(
    word: str, status: TaskStatus, caplog: pytest.LogCaptureFixture
) -> None:
    for written in (word, word.upper(), word.title(), f" {word}\n", word[:2].upper() + word[2:]):
        assert read(status=written).status is status
    assert not caplog.records


@pytest.mark.parametrize("value", [None, "", "  ", 5, True, [], {}, ["completed"], {"status": "completed"}])
def test_status_wrong_type_counts_as_missing(value: object, caplog: pytest.LogCaptureFixture) -> None:
    assert read(status=value).status is TaskStatus.PENDING
    assert read().status is TaskStatus.PENDING
    assert not caplog.records


def test_status_unknown_word_is_processing_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        seen = [read(status=word).status for word in ("Simmering-71", "simmering-71", " SIMMERING-71 ", "basting-72")]
    assert seen == [TaskStatus.PROCESSING] * 4
    assert [record.args for record in caplog.records] == [("simmering-71",), ("basting-72",)]


def test_status_very_long_word_is_logged_shortened(caplog: pytest.LogCaptureFixture) -> None:
    read(status="thinking-73" + "!" * 10_000)
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
    assert read(progress=value).progress == progress


# --- times

WHEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)


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
    created = read(**{name: value}).created
    assert created == WHEN
    assert created is not None
    assert created.tzinfo is not None


@pytest.mark.parametrize("value", [*WRONG[6:], "yesterday", "2023-13-45T99:99:99Z", 1e300, -1e300, "\ud83d"])
@pytest.mark.parametrize("name", ["created", "created_at", "updated", "completed_at"])
def test_created_and_updated_malformed_are_none(name: str, value: object) -> None:
    task = read(**{name: value})
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
    assert getattr(read(**fields), field) == WHEN


# --- videos

A, B = "https://cdn.test/a.mp4", "https://cdn.test/b.mp4?sig=1%2F2"


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"video_url": A}, [A]),
        ({"video": {"url": A}}, [A]),
        ({"video": A}, [A]),
        ({"videos": [{"url": A}, {"url": B}]}, [A, B]),
        ({"videos": [A, B]}, [A, B]),
        ({"videos": [A, {"url": B}]}, [A, B]),
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
    assert [video.url for video in read(**fields).videos] == urls


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("5", 5), (5.0, 5), (None, None), ("x", None), ([], None), (True, None)]
)
def test_video_length_and_size_malformed_are_none(value: object, number: float | None) -> None:
    (video,) = read(video={"url": A, "duration": value, "width": value, "height": value, "bitrate": value}).videos
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
    (video,) = read(**fields).videos
    assert (video.width, video.height, video.duration) == (1280, 720, 5)


# --- error, flags and texts


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        ("it broke", None, "it broke"),
        ({"code": "nsfw", "message": "it broke"}, "nsfw", "it broke"),
        ({"code": 5, "message": ["x"]}, None, None),
        ({"message": "  it broke\n", "more": 1}, None, "it broke"),
        ({}, None, None),
    ],
)
def test_task_error_text_or_object_is_read(value: object, code: str | None, message: str | None) -> None:
    error = read(error=value).error
    assert error is not None
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize("value", [None, "", "  ", 5, True, [], ["it broke"]])
def test_task_error_wrong_type_is_none(value: object) -> None:
    assert read(error=value).error is None


@pytest.mark.parametrize(("value", "cancelled"), [(True, True), (False, False), (1, False), ("true", False)])
def test_cancelled_anything_but_true_is_false(value: object, cancelled: bool) -> None:
    assert read(cancelled=value).cancelled is cancelled


@pytest.mark.parametrize("name", ["cancellation_status", "billing_transaction_id", "model"])
@pytest.mark.parametrize(("value", "text"), [("abc", "abc"), (" abc ", "abc"), ("", None), (5, None), ([], None)])
def test_text_fields_any_value_are_stripped_or_none(name: str, value: object, text: str | None) -> None:
    assert getattr(read(**{name: value}), name) == text


FIELDS = [name for name in Task.model_fields if name != "raw"]
MORE = ["created_at", "completed_at", "task_id", "video", "video_url", "raw", "model_config", "self", "cls"]


@pytest.mark.parametrize("name", [*FIELDS, *MORE])
def test_task_read_wrong_type_in_any_field_keeps_its_identity(name: str) -> None:
    for value in WRONG:
        task = Task.read({"status": "processing", name: value}, "ldtask_1", "/v1/tasks/ldtask_1")
        assert (task.id, task.poll_url) == ("ldtask_1", "/v1/tasks/ldtask_1"), value
        assert json.dumps(task.result()), value


def test_raw_unknown_fields_are_kept() -> None:
    payload = {"status": "processing", "brand_new": {"deep": [1]}, "queue_position": 3}
    assert Task.read(payload, "t", "/p").raw == payload


def test_task_assigning_a_field_raises() -> None:
    with pytest.raises(ValidationError):
        read().status = TaskStatus.COMPLETED  # type: ignore[misc] # it is refused: that is the test


def test_task_read_other_id_in_answer_keeps_the_requested_one() -> None:
    task = Task.read({"id": "other", "poll_url": "https://evil.test/x"}, "t", "/v1/tasks/t?x=1")
    assert (task.id, task.poll_url) == ("t", "/v1/tasks/t?x=1")


# --- result

RESULT = {
    "task_id": "ldtask_1",
    "poll_url": "/v1/tasks/ldtask_1",
    "status": "completed",
    "progress": 100.0,
    "video_url": A,
    "videos": [{"url": A, "duration": 5.0, "width": 1280, "height": 720}],
    "last_frame_url": None,
    "billing_transaction_id": "bill_1",
    "estimated_cost_usd": None,
    "model": "sora-2",
    "operation": None,
    "created": "2023-11-14T22:13:20Z",
    "updated": "2023-11-14T22:13:20Z",
}


def test_result_completed_task_is_plain_json_with_every_field() -> None:
    task = read(
        status="succeeded",
        progress="100%",
        videos=[{"url": A, "duration": "5", "width": 1280, "height": 720.0}],
        billing_transaction_id="bill_1",
        model="sora-2",
        created=1_700_000_000,
        completed_at="2023-11-14T22:13:20Z",
    )
    assert task.result() == RESULT
    assert json.loads(json.dumps(task.result())) == RESULT


def test_result_empty_task_has_the_same_keys() -> None:
    empty = read().result()
    assert empty.keys() == RESULT.keys()
    assert (empty["video_url"], empty["videos"], empty["status"]) == (None, [], "pending")


def test_submit_facts_answer_without_model_completes_the_result() -> None:
    facts = SubmitFacts("sora-2", "image-to-video", "0.4")
    assert facts.complete(read().result())["model"] == "sora-2"
    result = facts.complete(read(model="sora-2-1024").result())
    assert (result["model"], result["operation"], result["estimated_cost_usd"]) == (
        "sora-2-1024",
        "image-to-video",
        "0.4",
    )
    assert SubmitFacts.from_result(result) == SubmitFacts("sora-2-1024", "image-to-video", "0.4")
    assert SubmitFacts.from_result("/v1/tasks/t1") == SubmitFacts()


# --- identity


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({"id": "t1"}, ("t1", "/v1/tasks/t1")),
        ({"task_id": "t1"}, ("t1", "/v1/tasks/t1")),
        ({"id": "t1", "task_id": "t1", "poll_url": "/v1/tasks/t1"}, ("t1", "/v1/tasks/t1")),
        ({"id": None, "task_id": "t1"}, ("t1", "/v1/tasks/t1")),
        ({"id": 5, "task_id": "t1"}, ("t1", "/v1/tasks/t1")),
        ({"id": " t1 "}, ("t1", "/v1/tasks/t1")),
        ({"id": "a/b ü"}, ("a/b ü", "/v1/tasks/a%2Fb%20%C3%BC")),
        ({"id": "t1", "poll_url": "/x/y?z=1"}, ("t1", "/x/y?z=1")),
        ({"id": "t1", "poll_url": 5}, ("t1", "/v1/tasks/t1")),
        ({"id": "t1", "poll_url": ""}, ("t1", "/v1/tasks/t1")),
        ({"poll_url": "/v1/tasks/t1"}, ("t1", "/v1/tasks/t1")),
        ({"poll_url": "/v1/tasks/t1/"}, ("t1", "/v1/tasks/t1/")),
        ({"poll_url": "/v1/tasks/t1?a=b/c"}, ("t1", "/v1/tasks/t1?a=b/c")),
        ({"poll_url": "https://x.test/v1/tasks/a%2Fb#f"}, ("a/b", "https://x.test/v1/tasks/a%2Fb#f")),
        ({"poll_url": "https://x.test"}, None),
        ({"id": 5}, ("5", "/v1/tasks/5")),
        ({"id": True}, None),
        ({"id": "t1", "poll_url": "http://[::1"}, ("t1", "http://[::1")),
        ({"poll_url": "http://[::1"}, None),
        ({"poll_url": "//\u2100.test/v1/tasks/t1"}, None),
        ({}, None),
        ({"id": None, "task_id": "", "poll_url": []}, None),
        ({"data": {"id": "t1"}}, None),
    ],
)
def test_identify_id_task_id_or_poll_url_names_the_task(payload: dict[str, Any], found: tuple[str, str] | None) -> None:
    assert identify(payload) == found


@pytest.mark.parametrize(("url", "task_id"), [("http://[::1", None), ("", None), ("/", None), ("t1", "t1")])
def test_task_id_of_url_without_id_is_none(url: str, task_id: str | None) -> None:
    assert task_id_of(url) == task_id


@given(task_id=st.text(min_size=1))
def test_task_id_of_canonical_poll_url_returns_the_id(task_id: str) -> None:
    assert task_id_of(canonical_poll_url(task_id)) == task_id


# --- models and prices


def test_model_read_complete_payload_has_its_contract() -> None:
    payload = {
        "id": "sora-2",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "openai",
        "lemondata": {
            "category": "video",
            "pricing_unit": "per_second",
            "supported_operations": ["text-to-video", 5, None, "image-to-video"],
            "public_contract": {"durations": [4, 8]},
            "brand_new": 1,
        },
    }
    model = Model.read(payload)
    assert model is not None
    assert (model.id, model.owned_by, model.created) == ("sora-2", "openai", WHEN)
    assert (model.category, model.pricing_unit) == ("video", "per_second")
    assert model.supported_operations == ("text-to-video", "image-to-video")
    assert model.public_contract == {"durations": [4, 8]}
    assert model.raw == payload


@pytest.mark.parametrize("broken", [None, "text-to-video", {}, [], [5]])
def test_supported_operations_malformed_are_read_from_the_contract(broken: object) -> None:
    own = {"supported_operations": broken, "public_contract": {"supported_operations": ["text-to-video"]}}
    model = Model.read({"id": "sora-2", "lemondata": own})
    assert model is not None
    assert model.supported_operations == ("text-to-video",)


@pytest.mark.parametrize("id_", [None, "", "  ", 5, []])
def test_model_read_without_id_is_none(id_: object) -> None:
    assert Model.read({"id": id_, "lemondata": {"id": "inner"}}) is None


OLD = {
    "model": "sora-2",
    "provider": "p",
    "pricing": {"per_request": "0.40", "is_lock_price": True, "currency": "EUR", "per_second": None},
}
NEW = {"model": "sora-2", "provider": "p", "is_lock_price": True, "lock_price_per_request": "0.40"}


@pytest.mark.parametrize(("payload", "currency"), [(OLD, "EUR"), (NEW, "CHF")])
def test_model_price_read_old_or_new_form_is_exact(payload: dict[str, Any], currency: str) -> None:
    price = ModelPrice.read(payload, "CHF")
    assert price is not None
    assert (price.model, price.provider, price.currency) == ("sora-2", "p", currency)
    assert (str(price.per_request), price.per_second, price.raw) == ("0.40", None, payload)


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("0.1", Decimal("0.1")),
        (" 0.10 ", Decimal("0.10")),
        (0.1, Decimal("0.1")),
        (1, Decimal(1)),
        ("free", None),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        (float("nan"), None),
        (True, None),
        ([], None),
        ({}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["per_request", "per_second"])
def test_model_price_any_value_is_a_decimal_or_none(name: str, value: object, price: Decimal | None) -> None:
    read = ModelPrice.read({"model": "m", name: value})
    assert read is not None
    assert getattr(read, name) == price


@pytest.mark.parametrize("name", ["per_request", "per_second"])
def test_model_price_none_under_one_name_is_read_under_the_other(name: str) -> None:
    read = ModelPrice.read({"model": "m", name: None, f"lock_price_{name}": "0.5"})
    assert read is not None
    assert getattr(read, name) == Decimal("0.5")


@pytest.mark.parametrize("model", [None, "", 5, {}])
def test_model_price_read_without_model_is_none(model: object) -> None:
    assert ModelPrice.read({"model": model, "per_request": "1"}) is None


@pytest.mark.parametrize("currency", [5, [], {}, "", None, True])
def test_model_price_currency_wrong_type_is_usd(currency: Any) -> None:
    price = ModelPrice.read({"model": "m", "currency": currency}, currency)
    assert price is not None
    assert price.currency == "USD"


# --- any JSON at all

TEXTS = st.text(max_size=12) | st.sampled_from(["completed", "1e999", "45%", A, "http://[::1", "2023-11-14", "-1"])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, 1_700_000_000, -(10**30)])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.just("url"), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *FIELDS,
        *MORE,
        *Model.model_fields,
        *ModelPrice.model_fields,
        "lemondata",
        "pricing",
        "pricing_summary",
        "lock_price_per_second",
    ]
)
PAYLOADS = st.dictionaries(NAMES | TEXTS, JSON, max_size=12)


@given(payload=PAYLOADS)
@settings(deadline=None, max_examples=100)
def test_task_read_any_json_object_returns_a_task(payload: dict[str, Any]) -> None:
    task = Task.read(payload, "t", "/v1/tasks/t")
    assert json.dumps(task.result())
    assert task.poll_url == "/v1/tasks/t"
    found = identify(payload)
    assert found is None or all(found)


@given(payload=PAYLOADS, currency=JSON)
@settings(deadline=None, max_examples=100)
def test_model_read_any_json_object_returns_a_model_or_none(payload: dict[str, Any], currency: Any) -> None:
    model, price = Model.read(payload), ModelPrice.read(payload, currency)
    assert model is None or model.id.strip()
    assert price is None or (price.model and price.currency)
