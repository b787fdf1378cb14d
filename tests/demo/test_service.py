"""Money is spent only if somebody at a terminal says yes."""

from __future__ import annotations

import json

import pytest

from demo.service import Service, wants_real
from demo.story import CONF

SECRET = "sk-real-0123456789"


def test_without_a_terminal_the_sandbox_is_taken_and_said() -> None:
    said: list[str] = []
    assert not wants_real(CONF, say=said.append, ask=None)
    assert "no terminal" in said[0]


@pytest.mark.parametrize(("answer", "real"), [("", False), ("no", False), ("y", True), (" YES ", True)])
def test_at_a_terminal_only_a_yes_spends_money(answer: str, real: bool) -> None:
    said: list[str] = []
    assert wants_real(CONF, say=said.append, ask=lambda _question: answer) is real
    assert "four videos" in said[0]
    assert CONF["model"] in said[0]
    assert CONF["upscale_model"] in said[0]


def test_the_end_of_the_input_is_no_yes() -> None:
    def end(_question: str) -> str:
        raise EOFError

    assert not wants_real(CONF, say=lambda _text: None, ask=end)


def test_the_key_is_in_the_connection_and_nowhere_else() -> None:
    service = Service(SECRET)
    assert json.loads(service.connection) == {"conn_type": "lemondata", "password": SECRET}
    assert SECRET not in repr(service)
    assert json.loads(Service(SECRET, "http://127.0.0.1:1").connection)["host"] == "http://127.0.0.1:1"


def test_the_real_service_is_not_asked_for_what_only_a_sandbox_has() -> None:
    assert (Service(SECRET).percents(), Service(SECRET).costs()) == ({}, {})
