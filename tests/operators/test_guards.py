from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import Any

import pytest
import structlog
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api import errors
from lemondata_provider.api.errors import ConnectionFailedError, InvalidRequestError, LemonDataError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.guards import SubmitGuards, _not_submitted
from lemondata_provider.operators.record import KEY, Options, Record, fingerprint
from lemondata_provider.operators.submission import Submission
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.triggers.task_instance import TaskInstanceKey
from tests.task_state import TaskStateStore

UPSCALE = {"model": "topaz-video-upscale", "prompt": None, "video_url": "https://x.test/v.mp4"}


def operator(**fields: Any) -> SubmitVideoOperator:
    return SubmitVideoOperator(task_id="submit", **{"model": "sora-2", "prompt": "a cat", "duration": 8, **fields})


def refused(sandbox: Any, context: Any, **fields: Any) -> str:
    """Return what is said of a request that must not be submitted."""
    with pytest.raises((InvalidRequestError, AirflowFailException)) as caught:
        operator(**fields).execute(context)
    assert not sandbox.ledger.creates
    assert sandbox.ledger.requests("create") == 0
    return str(caught.value)


def test_the_estimate_is_in_the_result_and_asked_for_once(sandbox, context):
    results = [operator().execute(context) for _ in range(3)]
    assert [result["estimated_cost_usd"] for result in results] == ["0.80"] * 3
    assert sandbox.ledger.requests() == 4


def test_a_sensor_that_takes_the_whole_result_hands_the_estimate_on(sandbox, context):
    sensor = TaskSensor(task_id="wait", poll_url=operator().execute(context), poke_interval=0.05, deferrable=False)
    assert sensor.execute(context)["estimated_cost_usd"] == "0.80"


@pytest.mark.parametrize("fields", [UPSCALE, {"duration": None}], ids=["an upscale", "no duration"])
def test_a_cost_that_is_unknown_is_none_and_no_reason_not_to_submit(sandbox, context, fields):
    assert operator(**fields).execute(context)["estimated_cost_usd"] is None


@pytest.mark.parametrize("maximum", [0.8, "0.80", 1])
def test_what_costs_no_more_than_the_maximum_is_submitted(sandbox, context, maximum):
    assert operator(max_cost_usd=maximum).execute(context)["estimated_cost_usd"] == "0.80"


def test_what_would_cost_more_is_refused_with_the_price_and_what_fits(sandbox, context):
    told = refused(sandbox, context, max_cost_usd=0.5)
    assert told == (
        "'sora-2' would cost 0.80 USD (8 s at 0.10 a second), and max_cost_usd is 0.5. Nothing was submitted. "
        "At most 5 s of it fit."
    )
    assert "fit" not in refused(sandbox, context, max_cost_usd="0.1", model="kling-v2.6-pro")


def test_an_unknown_cost_is_refused_under_a_maximum_unless_it_is_allowed(sandbox, context):
    told = refused(sandbox, context, max_cost_usd=100, **UPSCALE)
    assert "0.05 a second, and the video is as long as its source" in told
    assert 'unknown_cost="allow"' in told
    operator(max_cost_usd=100, unknown_cost="allow", **UPSCALE).execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_each_fallback_model_is_held_against_its_own_price(sandbox, context):
    sandbox.fault("error", status=403, code="model_not_allowed", times=2)
    with pytest.raises((InvalidRequestError, AirflowFailException), match=re.escape("'sora-2-pro' would cost 2.40")):
        operator(model="wan-2.5", max_cost_usd=1, fallback_models=["sora-2-pro"]).execute(context)
    result = operator(model="wan-2.5", max_cost_usd=1, fallback_models=["viduq2", "sora-2-pro"]).execute(context)
    assert (result["model"], result["estimated_cost_usd"]) == ("viduq2", "0.32")


@pytest.mark.parametrize("fault", ["reset", "html_502", "half_json"])
def test_trouble_with_a_price_that_nobody_needs_stops_nothing(sandbox, context, fault):
    sandbox.fault(fault, on="models", times=-1)
    began = time.monotonic()
    assert operator().execute(context)["estimated_cost_usd"] is None
    assert sandbox.ledger.requests("models") == 1
    assert time.monotonic() - began < 2


def test_a_refused_question_for_a_needed_price_is_an_error_that_was_not_sent(sandbox, context):
    sandbox.fault("error", on="models", status=401, code="invalid_api_key", times=-1)
    with pytest.raises((LemonDataError, AirflowFailException), match="invalid_api_key"):
        operator(max_cost_usd=1).execute(context)
    assert sandbox.ledger.requests("create") == 0
    operator(max_cost_usd=1, unknown_cost="allow").execute(context)
    assert len(sandbox.ledger.creates) == 1


class Deaf(LemonDataHook):
    """A hook that never gets an answer to its questions."""

    def __init__(self, error: type[LemonDataError]) -> None:
        super().__init__()
        self.error = error

    def estimate(self, *_: Any, **__: Any) -> Any:
        raise self.error("no answer")


@pytest.mark.parametrize("name", ["AnswerLostError", "UnreadableAnswerError", "ServiceError"])
def test_an_answer_that_got_lost_before_the_submit_does_not_poll_like_a_lost_submit(name):
    error = getattr(errors, name)
    careful = SubmitGuards(max_cost_usd=Decimal(1))
    with pytest.raises(ConnectionFailedError, match="nothing was submitted: no answer"):
        careful.check(Deaf(error), VideoRequest.checked(model="sora-2", prompt="a"))


@pytest.mark.parametrize("told", [True, False, None])
def test_what_the_service_says_of_a_retry_outlives_the_translation(told):
    trouble = errors.ServiceError("down", status=503, code="all_channels_failed", hints={"retryable": told})
    found = _not_submitted(trouble)
    assert (type(found), found.final) == (ConnectionFailedError, trouble.final)
    assert (found.status, found.code, found.hints) == (503, "all_channels_failed", trouble.hints)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("max_cost_usd", value) for value in (-1, "cheap", float("nan"), float("inf"), True, [], "{{ x }}", 10**400)],
        ("unknown_cost", "maybe"),
        ("unknown_cost", None),
        ("check_live", "yes"),
        ("check_live", None),
    ],
)
def test_what_cannot_be_meant_is_refused_in_the_constructor(option, value):
    with pytest.raises(InvalidRequestError, match=option):
        operator(**{option: value})


def submission(store: TaskStateStore, guards: SubmitGuards) -> Submission:
    request = VideoRequest.checked(model="sora-2", prompt="a", duration=8)
    wanted = Record(fingerprint(request.body()), max_tries=2, deadline=4e9)
    hook = LemonDataHook()
    return Submission(
        hook,
        [request],
        wanted,
        Options(),
        0.05,
        store,
        TaskInstanceKey("d", "t", "r"),
        price=lambda asked: guards.check(hook, asked),
    )


def test_a_retry_that_finds_its_task_asks_nothing_and_still_knows_the_estimate(sandbox):
    store = TaskStateStore()
    submission(store, SubmitGuards(check_live=True)).submit_or_reattach()
    asked = sandbox.ledger.requests("models")
    retry = submission(store, SubmitGuards(check_live=True, max_cost_usd=Decimal(0)))
    retry.submit_or_reattach()
    assert (retry.record.estimated_cost_usd, sandbox.ledger.requests("models")) == ("0.80", asked)


def test_a_record_of_before_there_were_estimates_is_whole(sandbox):
    store = TaskStateStore()
    submission(store, SubmitGuards()).submit_or_reattach()
    del store[KEY]["estimated_cost_usd"]
    retry = submission(store, SubmitGuards())
    retry.submit_or_reattach()
    assert retry.record.estimated_cost_usd is None
    assert len(sandbox.ledger.creates) == 1


def test_a_refusal_leaves_no_intent_behind(sandbox):
    store = TaskStateStore()
    with pytest.raises(InvalidRequestError):
        submission(store, SubmitGuards(max_cost_usd=Decimal(0))).submit_or_reattach()
    assert store == {}


def test_the_contract_of_today_joins_the_checks(sandbox, context):
    told = refused(sandbox, context, check_live=True, duration=7)
    assert "duration 7 is not allowed (allowed: 4, 8, 12; nearest: 8)" in told
    operator(check_live=True).execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_a_model_that_is_not_there_today_is_refused_with_suggestions(sandbox, context):
    told = refused(sandbox, context, check_live=True, model="sora-3")
    assert "does not know the model 'sora-3' today" in told
    assert "Did you mean 'sora-2'?" in told
    result = operator(check_live=True, model="sora-3", fallback_models=["sora-2"]).execute(context)
    assert result["model"] == "sora-2"


def test_suggestions_come_from_our_catalog_where_the_service_makes_none(sandbox, context):
    sandbox.fault("error", on="models", status=404, code="model_not_found")
    assert "Did you mean 'sora-2'?" in refused(sandbox, context, check_live=True, model="sora-3")


@pytest.mark.parametrize("details", [{"status": 401}, {"status": 404, "code": "not_found"}, {"status": 503}])
def test_an_inventory_that_cannot_be_asked_stops_nothing(sandbox, context, details):
    sandbox.fault("error", on="models", times=-1, **details)
    with structlog.testing.capture_logs() as logs:
        operator(check_live=True, duration=7).execute(context)
    assert "submits unchecked" in str(logs)
    assert [call.path for call in sandbox.ledger.calls].count("/v1/models/sora-2") == 1
    assert len(sandbox.ledger.creates) == 1
