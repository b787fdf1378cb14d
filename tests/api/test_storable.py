"""Whatever leaves the API layer can be stored, and is small."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.errors import APIError
from lemondata_provider.api.polling import Completed, Failed, TaskWait
from lemondata_provider.api.storable import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, MAX_TOTAL, storable
from lemondata_provider.triggers.events import TaskEvent
from tests.api.payloads import read_task

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
ANY_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)
WAIT = TaskWait("t1", "/v1/tasks/t1", "lemondata_default", 0.0)


def is_storable(value: Any) -> bool:
    """Say whether JSONB and Airflow's own pipes take a value: what they refuse is written down here."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(is_storable(name) and is_storable(item) for name, item in value.items())
    if isinstance(value, list):
        return all(map(is_storable, value))
    if isinstance(value, bool) or value is None:
        return True
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


@given(ANY_JSON)
@settings(deadline=None)
def test_storable_any_json_value_is_what_databases_take(value: Any) -> None:
    assert is_storable(storable(value))


@given(ANY_JSON)
@settings(deadline=None)
def test_storable_twice_equals_once(value: Any) -> None:
    assert storable(storable(value)) == storable(value)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        ["x" * 10_000] * 500,
        {str(n): "x" * 10_000 for n in range(500)},
        {"k" * 10**6: 1},
        [[["x" * 100] * 100] * 100] * 100,
        list(range(10**5)),
        [[]] * 10**5,
        json.loads("[" * 200 + "]" * 200),
    ],
    ids=["text", "texts", "dict", "name", "tree", "numbers", "lists", "nested"],
)
def test_storable_large_value_becomes_small(value: Any) -> None:
    assert len(json.dumps(storable(value))) < 2 * MAX_TOTAL


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -(2**63) + 1, 0.5, "\t a\nb ü 🎬", "x" * MAX_TEXT, [1, [2]], {"a": {"b": [None]}}, [0] * MAX_ITEMS],
)
def test_storable_ordinary_value_is_unchanged(value: Any) -> None:
    assert storable(value) == value
    assert type(storable(value)) is type(value)


def test_storable_value_below_the_depth_is_left_out() -> None:
    nested: Any = "deep"
    for _ in range(MAX_DEPTH + 1):
        nested = [nested]
    assert "deep" not in json.dumps(storable(nested))
    assert "deep" in json.dumps(storable(nested[0]))


@pytest.mark.parametrize("number", [10**400, 2**63, -(10**30), math.nan, math.inf])
def test_storable_number_beyond_64_bits_is_a_float_or_nothing(number: float) -> None:
    assert storable([number])[0] is None or storable([number])[0] == pytest.approx(float(number))


@given(st.dictionaries(st.sampled_from(["model", "width", "video_url", "videos", "billing_transaction_id"]), ANY_JSON))
@settings(deadline=None)
def test_event_of_any_answer_is_storable(fields: dict[str, Any]) -> None:
    event = TaskEvent.from_end(Completed(read_task(status="completed", **fields)), WAIT)
    assert is_storable(event.model_dump(mode="json"))


@given(ANY_TEXT, ANY_JSON)
@settings(deadline=None)
def test_event_of_any_error_is_storable(message: str, hints: Any) -> None:
    error = APIError(message, code=message, hints={"alternatives": hints, "hint": hints})
    assert is_storable(TaskEvent.from_end(Failed(error), WAIT).model_dump(mode="json"))


def test_event_of_a_video_as_data_url_holds_none_of_it() -> None:
    video = "data:video/mp4;base64," + "AAAA" * 10**6
    for fields in ({"video_url": video}, {"videos": [{"url": video}]}, {"last_frame_url": video}, {"model": video}):
        task = read_task(status="completed", **fields)
        assert not task.videos
        assert len(TaskEvent.from_end(Completed(task), WAIT).model_dump_json()) < 2 * MAX_TEXT
