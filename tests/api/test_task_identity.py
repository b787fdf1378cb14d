"""Which task an answer or a poll URL names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemondata_provider.api.task import canonical_poll_url, identify, task_id_of


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


@pytest.mark.parametrize("name", ["id", "task_id"])
def test_identify_number_under_either_name_names_the_task(name: str) -> None:
    assert identify({name: 7}) == ("7", "/v1/tasks/7")
    assert identify({name: True}) is None
