"""A create is never sent again after a lost answer, and is sent again after a refusal that a retry may overcome."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import SubmitUnknownError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sandbox.server import Sandbox

ACCEPTED = ("lost_answer", "hang", "html_502", "truncated_json", "half_json", "unreadable")
NOT_ACCEPTED = ("reset", "html_502_before")  # the client cannot see the difference
NOT_NOW = {
    "429": {"status": 429, "code": "rate_limit_exceeded", "retry_after": 7},
    "503": {"status": 503, "code": "all_channels_failed", "retryable": True, "retry_after": 7},
}


@pytest.fixture(params=["with a store", "without a store"])
def store(request: pytest.FixtureRequest) -> dict[str, Any] | None:
    """Return the store of the context, if it has one."""
    return request.getfixturevalue("task_state_store") if request.param == "with a store" else None


class Hook(LemonDataHook):
    """A hook whose client sleeps with ``pause``."""

    pause: Callable[[float], None]

    def get_conn(self) -> Client:
        settings = ConnectionSettings.read(self.get_connection(self.lemondata_conn_id))
        return Client(**settings.client_arguments(), sleep=self.pause)


class Operator(SubmitVideoOperator):
    """The operator with this hook."""

    @cached_property
    def hook(self) -> Hook:
        return Hook(self.lemondata_conn_id)


def submit(context: Any, pause: Callable[[float], None]) -> dict[str, Any]:
    operator = Operator(task_id="submit", model="sora-2", prompt="a cat")
    operator.hook.pause = pause
    return operator.execute(context)


def never(seconds: float) -> None:
    raise AssertionError("the create is repeated")


def a_failed_try(context: Any) -> SubmitUnknownError:
    with pytest.raises(LemonDataFailException) as failure:
        submit(context, pause=never)
    assert isinstance(failure.value.error, SubmitUnknownError)
    return failure.value.error


@pytest.mark.parametrize(
    ("fault", "paid"), [*((fault, 1) for fault in ACCEPTED), *((fault, 0) for fault in NOT_ACCEPTED)]
)
def test_execute_lost_answer_raises_submit_unknown_and_sends_one_create(
    sandbox, context, store, fault, paid, monkeypatch: pytest.MonkeyPatch
):
    if fault == "hang":
        impatient = {**json.loads(sandbox.connection_uri), "extra": {"timeout": 0.5}}
        monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", json.dumps(impatient))
    sandbox.fault(fault)
    assert "may have accepted and charged this video" in str(a_failed_try(context))
    if store is not None:
        assert "An earlier try may have submitted this video" in str(a_failed_try(context))
    assert len(sandbox.ledger.creates) == paid
    assert sandbox.ledger.requests("create") == 1


def assert_paid_once(sandbox: Sandbox, store: dict[str, Any] | None, result: dict[str, Any]) -> None:
    assert [create.id for create in sandbox.ledger.creates] == [result["task_id"]]
    if store is not None:
        assert result["task_id"] in json.dumps(store)


@pytest.mark.parametrize("refusal", NOT_NOW)
def test_execute_temporary_refusal_sends_the_create_again_and_pays_once(sandbox, context, store, refusal):
    sandbox.fault("error", times=2, **NOT_NOW[refusal])
    pauses: list[float] = []
    result = submit(context, pauses.append)
    assert_paid_once(sandbox, store, result)
    assert [7 <= seconds <= 7 + 7 for seconds in pauses] == [True] * 2
    assert sandbox.ledger.requests("create") == 3


def test_execute_refused_connection_sends_the_create_again_and_pays_once(
    context, store, monkeypatch: pytest.MonkeyPatch
):
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", 0))  # and not listening; the sandbox may listen there nevertheless
        late = Sandbox(port=silent.getsockname()[1])
        monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", late.connection_uri)
        pauses: list[float] = []

        def start_at_the_second(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                late.start()

        try:
            result = submit(context, start_at_the_second)
            assert_paid_once(late, store, result)
        finally:
            late.stop()
    assert len(pauses) == 2
    assert late.ledger.requests("create") == 1
