"""The demo spends money only if the user answers yes at a terminal."""

from __future__ import annotations

import json

import pytest

from demo.service import Service, wants_real
from demo.story import CONF

SECRET = "sk-real-0123456789"


def test_wants_real_without_terminal_is_false() -> None:
    said: list[str] = []
    assert not wants_real(CONF, say=said.append, ask=None)
    assert "no terminal" in said[0]


@pytest.mark.parametrize(("answer", "real"), [("", False), ("no", False), ("y", True), (" YES ", True)])
def test_wants_real_at_a_terminal_needs_a_yes(answer: str, real: bool) -> None:
    said: list[str] = []
    assert wants_real(CONF, say=said.append, ask=lambda _question: answer) is real
    assert "four videos" in said[0]
    assert CONF["model"] in said[0]
    assert CONF["upscale_model"] in said[0]


def test_wants_real_end_of_input_is_false() -> None:
    def end(_question: str) -> str:
        raise EOFError

    assert not wants_real(CONF, say=lambda _text: None, ask=end)


def test_service_api_key_is_only_in_the_connection() -> None:
    service = Service(SECRET)
    assert json.loads(service.connection) == {"conn_type": "lemondata", "password": SECRET}
    assert SECRET not in repr(service)
    assert json.loads(Service(SECRET, "http://127.0.0.1:1").connection)["host"] == "http://127.0.0.1:1"


def test_percents_and_costs_real_service_are_empty() -> None:
    assert (Service(SECRET).percents(), Service(SECRET).costs()) == ({}, {})
