from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api import calls
from lemondata_provider.api.description import MAX_DESCRIPTION
from lemondata_provider.api.errors import InvalidRequestError, LemonDataError, MissingTaskError, UnreadableAnswerError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.task import TaskStatus

REQUEST = VideoRequest.checked(model="sora-2", prompt="a cat", output_audio=False)


def test_submit_video_request_posts_its_body() -> None:
    call = calls.submit_video(REQUEST)
    assert (call.method, call.url, dict(call.params)) == ("POST", "/v1/videos/generations", {})
    assert call.body == {"model": "sora-2", "prompt": "a cat", "output_audio": False}


@pytest.mark.parametrize(
    ("payload", "task_id", "poll_url"),
    [
        ({"id": "t1"}, "t1", "/v1/tasks/t1"),
        ({"task_id": "t1"}, "t1", "/v1/tasks/t1"),
        ({"poll_url": "https://x.test/v1/tasks/t1?k=1"}, "t1", "https://x.test/v1/tasks/t1?k=1"),
        ({"id": "t1", "poll_url": "/v1/tasks/t1?k=1", "status": "pending"}, "t1", "/v1/tasks/t1?k=1"),
    ],
)
def test_submit_video_answer_becomes_a_task_with_id_and_poll_url(
    payload: dict[str, Any], task_id: str, poll_url: str
) -> None:
    task = calls.submit_video(REQUEST).read(payload)
    assert (task.id, task.poll_url, task.status, task.raw) == (task_id, poll_url, TaskStatus.PENDING, payload)


@pytest.mark.parametrize("filler", ["x", "비"], ids=["latin", "korean"])
def test_submit_video_answer_without_task_quotes_its_beginning(filler: str) -> None:
    payload = {"status": "pending", "note": filler * 500}
    with pytest.raises(MissingTaskError) as caught:
        calls.submit_video(REQUEST).read(payload)
    body = json.dumps(payload, ensure_ascii=False)
    assert body[:MAX_DESCRIPTION] in caught.value.message
    assert body[: MAX_DESCRIPTION + 1] not in caught.value.message


@pytest.mark.parametrize("error", [{"code": "internal", "message": "try later"}, {}])
def test_get_task_answer_with_an_error_instead_of_a_status_is_no_answer(error: dict[str, str]) -> None:
    with pytest.raises(UnreadableAnswerError) as caught:
        calls.get_task("/v1/tasks/t1").read({"error": error})
    assert json.dumps(error) in caught.value.message


@pytest.mark.parametrize(
    ("poll_url", "task_id", "target", "canonical"),
    [
        ("/v1/tasks/t1", None, "/v1/tasks/t1", "/v1/tasks/t1"),
        ("/v1/tasks/t1?k=1", "t1", "/v1/tasks/t1?k=1", "/v1/tasks/t1"),
        ("https://x.test/odd/place?k=1", "t1", "https://x.test/odd/place?k=1", "/v1/tasks/t1"),
        (None, "t1", "/v1/tasks/t1", "/v1/tasks/t1"),
        ("", "a/b", "/v1/tasks/a%2Fb", "/v1/tasks/a%2Fb"),
        ("http://[::1", "t1", "http://[::1", "/v1/tasks/t1"),
    ],
)
def test_get_task_with_poll_url_requests_it(
    poll_url: str | None, task_id: str | None, target: str, canonical: str
) -> None:
    call = calls.get_task(poll_url, task_id)
    assert (call.method, call.url, call.fallback_url, call.body) == ("GET", target, canonical, None)
    assert call.error_context["poll_url"] == target


@pytest.mark.parametrize("payload", [{}, {"status": "processing"}, {"poll_url": "/elsewhere"}])
def test_get_task_answer_without_id_keeps_the_requested_one(payload: dict[str, Any]) -> None:
    task = calls.get_task("/v1/tasks/t1?k=1").read(payload)
    assert (task.id, task.poll_url) == ("t1", "/v1/tasks/t1?k=1")


def test_get_task_malformed_poll_url_is_kept() -> None:
    assert calls.get_task("http://[::1").url == "http://[::1"


def test_cancel_task_any_id_deletes_the_canonical_path() -> None:
    call = calls.cancel_task("a/b")
    assert (call.method, call.url, call.body, call.fallback_url) == ("DELETE", "/v1/tasks/a%2Fb", None, None)
    assert call.error_context == {"task_id": "a/b", "poll_url": "/v1/tasks/a%2Fb"}
    payload = {"status": "failed", "cancelled": True, "cancellation_status": "cancelled", "error": "by the user"}
    task = call.read(payload)
    assert (task.id, task.cancelled, task.cancellation_status) == ("a/b", True, "cancelled")


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ({}, {"category": "video"}),
        ({"category": None}, {}),
        ({"recommended_for": "video", "category": None}, {"recommended_for": "video"}),
        ({"provider": "openai"}, {"category": "video", "provider": "openai"}),
    ],
)
def test_list_models_filters_become_query_parameters(arguments: dict[str, Any], params: dict[str, str]) -> None:
    call = calls.list_models(**arguments)
    assert (call.method, call.url, dict(call.params)) == ("GET", "/v1/models", params)


def test_list_models_malformed_entries_are_left_out() -> None:
    data: list[Any] = [{"id": "sora-2"}, None, 5, "veo3", [], {"id": 5}, {}, {"id": "veo3"}]
    assert [model.id for model in calls.list_models().read({"object": "list", "data": data})] == ["sora-2", "veo3"]


@pytest.mark.parametrize("data", [None, {}, "x", 5])
def test_list_models_and_get_pricing_data_of_wrong_type_is_empty(data: object) -> None:
    assert calls.list_models().read({"data": data}) == []
    assert calls.get_pricing().read({"data": data}) == []
    assert calls.list_models().read({}) == []


def test_get_model_name_with_slash_is_one_path_segment() -> None:
    call = calls.get_model("org/sora 2?")
    assert (call.method, call.url) == ("GET", "/v1/models/org%2Fsora%202%3F")
    assert call.read({"id": "sora-2"}).id == "sora-2"


def test_get_model_answer_without_model_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswerError, match="'sora-2'"):
        calls.get_model("sora-2").read({"object": "model"})


@pytest.mark.parametrize(("model", "params"), [(None, {}), ("", {}), ("sora-2", {"model": "sora-2"})])
def test_get_pricing_of_one_model_or_all_requests_it(model: str | None, params: dict[str, str]) -> None:
    call = calls.get_pricing(model)
    assert (call.method, call.url, dict(call.params)) == ("GET", "/v1/pricing", params)


def test_get_pricing_without_currency_uses_that_of_the_list() -> None:
    payload = {"currency": "CHF", "data": [{"model": "a"}, {"model": "b", "currency": "EUR"}, {"model": None}, None]}
    assert [price.currency for price in calls.get_pricing().read(payload)] == ["CHF", "EUR"]


@pytest.mark.parametrize("currency", [5, [], {}, True])
def test_get_pricing_currency_of_wrong_type_keeps_the_prices(currency: object) -> None:
    prices = calls.get_pricing().read({"currency": currency, "data": [{"model": "a", "per_request": "0.1"}]})
    assert [price.model for price in prices] == ["a"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("http://[::1"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "model", "url"]), inner),
    max_leaves=8,
)
NAMES = ["id", "task_id", "poll_url", "data", "currency", "videos", "video", "error", "created", "lemondata", "status"]
CALLS = [
    calls.submit_video(REQUEST),
    calls.get_task("/v1/tasks/t1"),
    calls.cancel_task("t1"),
    calls.list_models(),
    calls.get_model("sora-2"),
    calls.get_pricing(),
    calls.get_model_pricing("sora-2"),
]


@given(call=st.sampled_from(CALLS), payload=st.dictionaries(st.sampled_from(NAMES), JSON))
@settings(deadline=None, max_examples=100)
def test_call_read_any_json_object_returns_or_raises_lemondata_error(
    call: calls.Call[Any], payload: Mapping[str, Any]
) -> None:
    try:
        assert call.read(payload) is not None
    except LemonDataError as error:
        assert str(error)  # noqa: PT017  # either outcome is right, but no other error


def test_get_task_without_poll_url_and_id_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="neither was given"):
        calls.get_task(None)


@pytest.mark.parametrize(
    ("poll_url", "task_id", "answer", "is_other"),
    [
        ("/v1/tasks/t1", "t1", {"id": "t2"}, True),
        ("/v1/tasks/t1", None, {"id": "t2"}, True),
        ("/v1/videos/generations/t1/", None, {"task_id": "t2"}, True),
        ("/opaque?x=1", "t1", {"id": "t2"}, True),
        ("/opaque/path", None, {"id": "t2"}, False),
        ("/v1/tasks/t1", "t1", {"id": "t2", "task_id": "t1"}, False),
        ("/v1/tasks/t1", "t1", {"id": " t1 "}, False),
        ("/v1/tasks/t1", "t1", {"id": 7}, False),
        ("/v1/tasks/t1", "t1", {}, False),
    ],
)
def test_get_task_answer_that_names_another_task_is_no_answer(
    poll_url: str, task_id: str | None, answer: dict[str, Any], is_other: bool
) -> None:
    read = calls.get_task(poll_url, task_id).read
    if is_other:
        with pytest.raises(UnreadableAnswerError, match="another task"):
            read({**answer, "status": "completed"})
    else:
        assert read({**answer, "status": "completed"}).status is TaskStatus.COMPLETED
