"""The trigger that reports new models: one event for all of them, and no error ends it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import structlog
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.serialization.serialized_objects import DagSerialization

from lemondata_provider.api.errors import AuthenticationError, InvalidRequestError, RateLimitError, ServiceError
from lemondata_provider.api.models import Model
from lemondata_provider.catalog import load
from lemondata_provider.triggers.models import ModelReleasedTrigger

PATH = "lemondata_provider.triggers.models.ModelReleasedTrigger"


def model(name: str, *operations: str) -> Model:
    return Model(id=name, supported_operations=operations)


class EndOfScriptError(BaseException):
    """No more answers: not an Exception, which the trigger would outlive."""


class Scripted(ModelReleasedTrigger):
    """A trigger whose service gives these answers in turn, and which waits for nothing."""

    def __init__(self, *answers: Any, **arguments: Any) -> None:
        super().__init__(**{"known": ["a"], **arguments})
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.sleep = self.record

    async def record(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def list_models(self) -> list[Model]:
        if not self.answers:
            raise EndOfScriptError
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return [one if isinstance(one, Model) else model(one) for one in answer]


async def payloads(trigger: ModelReleasedTrigger) -> list[Any]:
    """Return the payloads of all events until the answers are used up."""
    found: list[Any] = []

    async def collect() -> None:
        async for event in trigger.run():
            found.append(json.loads(json.dumps(event.payload)))  # as Airflow stores it

    with pytest.raises(EndOfScriptError):
        await collect()
    return found


def names(payload: Any) -> list[str]:
    return [one["model"] for one in payload["models"]]


async def test_run_new_models_of_one_poll_are_one_event():
    trigger = Scripted(["a"], ["a", model("b", "text-to-video"), model("c")])
    assert await payloads(trigger) == [
        {"models": [{"model": "b", "operations": ["text-to-video"]}, {"model": "c", "operations": []}]}
    ]


async def test_run_model_is_reported_once_also_if_it_goes_and_returns():
    trigger = Scripted(["a", "b"], ["a"], [], ["a", "b"], ["b", "c", "c"])
    assert [names(payload) for payload in await payloads(trigger)] == [["b"], ["c"]]


async def test_run_polls_once_an_interval():
    trigger = Scripted(["a"], ["a", "b"], ["a"], interval=timedelta(minutes=30))
    await payloads(trigger)
    assert trigger.pauses == [1800.0] * 3


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("down", status=503),
        AuthenticationError("wrong key", status=401),
        RuntimeError("an unforeseen error"),
        asyncio.TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_run_error_is_logged_once_and_does_not_end_the_watch(error):
    trigger = Scripted(*[error] * 9, ["a", "b"])
    with structlog.testing.capture_logs() as logs:
        assert [names(payload) for payload in await payloads(trigger)] == [["b"]]
    assert len(trigger.pauses) == 10
    assert str(logs).count("Listing the models failed (will retry)") == 1


async def test_run_errors_in_a_row_are_polled_again_after_growing_pauses_of_at_most_a_minute():
    down = ServiceError("down", status=503)
    trigger = Scripted(*[down] * 8, ["a"], down)
    await payloads(trigger)
    *outage, after, again = trigger.pauses
    assert 5 <= outage[0] < 10
    assert 30 <= outage[-1] <= 60
    assert after == 3600
    assert 5 <= again < 10


async def test_run_rate_limit_waits_as_long_as_the_service_asks_and_no_longer_than_two_minutes():
    trigger = Scripted(RateLimitError("busy", retry_after=30), RateLimitError("busy", retry_after=86_400))
    await payloads(trigger)
    short, long = trigger.pauses
    assert 30 <= short <= 31
    assert 120 <= long <= 121


async def test_run_cancelled_ends_without_an_event():
    class Waiting(ModelReleasedTrigger):
        async def list_models(self) -> list[Model]:
            await asyncio.sleep(60)
            return []

    running = asyncio.ensure_future(anext(Waiting().run()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_run_against_the_sandbox_reports_what_known_lacks(sandbox):
    listed = [one.id for one in load().models]
    trigger = ModelReleasedTrigger(known=[name for name in listed if name != "veo3.1-fast"])
    event = await anext(trigger.run())
    assert "veo3.1-fast" in names(event.payload)
    assert sandbox.ledger.requests() == sandbox.ledger.requests("models") == 1


async def test_run_against_the_sandbox_outlives_faults_and_logs_no_key(sandbox, caplog):
    sandbox.fault("error", on="models", status=401, code="invalid_api_key", message=f"no such key {sandbox.api_key}")
    sandbox.fault("unreadable", on="models")
    trigger = ModelReleasedTrigger(known=[])

    async def sleep(seconds: float) -> None:
        assert seconds <= 120

    trigger.sleep = sleep
    with caplog.at_level("DEBUG"), structlog.testing.capture_logs() as logs:
        event = await anext(trigger.run())
    assert "no such key" in str(logs)
    assert "veo3.1-fast" in names(event.payload)
    assert sandbox.ledger.requests("models") == 3
    assert sandbox.api_key not in caplog.text + str(logs) + str(trigger.serialize()) + str(event.payload)


async def test_run_connection_not_defined_is_logged_and_polled_again():
    pauses: list[float] = []
    trigger = ModelReleasedTrigger(lemondata_conn_id="nowhere")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise EndOfScriptError

    trigger.sleep = sleep
    with structlog.testing.capture_logs() as logs, pytest.raises(EndOfScriptError):
        await anext(trigger.run())
    assert str(logs).count("Connection 'nowhere' is not defined") == 1


# --- arguments


def test_serialize_new_trigger_of_it_is_the_same():
    path, arguments = ModelReleasedTrigger(lemondata_conn_id="mine", known={"b", "a"}, interval=60).serialize()
    assert (path, arguments) == (PATH, {"lemondata_conn_id": "mine", "known": ["a", "b"], "interval": 60.0})
    assert ModelReleasedTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


def test_init_known_defaults_to_the_catalog_of_the_package():
    assert ModelReleasedTrigger().known == sorted(model.id for model in load().models)
    assert ModelReleasedTrigger(known=()).known == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"known": "veo3"}, "known must be a list of names of models"),
        ({"known": [None]}, "known must be a list of names of models"),
        ({"interval": 0}, "interval must be a number of seconds above 0"),
        ({"lemondata_conn_id": ""}, "lemondata_conn_id must be the id"),
    ],
)
def test_init_invalid_argument_raises(arguments, sentence):
    with pytest.raises(InvalidRequestError, match=sentence):
        ModelReleasedTrigger(**arguments)


def test_asset_watcher_with_the_trigger_is_serialized_in_a_dag():
    watcher = AssetWatcher(name="released", trigger=ModelReleasedTrigger(known=["a"], interval=60))
    with DAG("watching", schedule=[Asset("lemondata_models", watchers=[watcher])]) as dag:
        pass
    stored = json.dumps(DagSerialization.to_dict(dag))
    assert PATH in stored
    assert '"interval": 60.0' in stored
