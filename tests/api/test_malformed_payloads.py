"""Malformed payloads: each field may have a wrong type."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.models import Model, ModelPrice
from lemondata_provider.api.task import Task, identify
from tests.api.payloads import WRONG, A

FIELDS = [name for name in Task.model_fields if name != "raw"]
MORE = ["created_at", "completed_at", "task_id", "video", "video_url", "raw", "model_config", "self", "cls"]


@pytest.mark.parametrize("name", [*FIELDS, *MORE])
def test_task_read_wrong_type_in_any_field_keeps_its_identity(name: str) -> None:
    for value in WRONG:
        task = Task.read({"status": "processing", name: value}, "ldtask_1", "/v1/tasks/ldtask_1")
        assert (task.id, task.poll_url) == ("ldtask_1", "/v1/tasks/ldtask_1"), value
        assert json.dumps(task.result()), value


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
