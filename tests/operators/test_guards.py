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
from lemondata_provider.api.prices import Estimate
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.operators.fingerprint import fingerprint
from lemondata_provider.operators.guards import SubmitGuards, _not_submitted, over_budget
from lemondata_provider.operators.record import KEY, Options, Record
from lemondata_provider.operators.submission import Submission
from lemondata_provider.operators.submit_store import SubmitStore
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor
from tests.task_state import TaskStateStore

UPSCALE = {"model": "topaz-video-upscale", "prompt": None, "video_url": "https://x.test/v.mp4"}


def operator(**fields: Any) -> SubmitVideoOperator:
    return SubmitVideoOperator(task_id="submit", **{"model": "sora-2", "prompt": "a cat", "duration": 8, **fields})


def refused(sandbox: Any, context: Any, **fields: Any) -> str:
    """Return the error of a request that must not be submitted."""
    with pytest.raises((InvalidRequestError, AirflowFailException)) as caught:
        operator(**fields).execute(context)
    assert not sandbox.ledger.creates
    assert sandbox.ledger.requests("create") == 0
    return str(caught.value)


def test_estimate_several_submits_sends_one_price_request(sandbox, context):
    results = [operator().execute(context) for _ in range(3)]
    assert [result["estimated_cost_usd"] for result in results] == ["0.80"] * 3
    assert sandbox.ledger.requests() == 4


def test_estimate_sensor_with_the_whole_result_returns_it(sandbox, context):
    sensor = TaskSensor(task_id="wait", poll_url=operator().execute(context), poke_interval=0.05, deferrable=False)
    assert sensor.execute(context)["estimated_cost_usd"] == "0.80"


@pytest.mark.parametrize("fields", [UPSCALE, {"duration": None}], ids=["an upscale", "no duration"])
def test_estimate_unknown_cost_submits_and_is_none(sandbox, context, fields):
    assert operator(**fields).execute(context)["estimated_cost_usd"] is None


@pytest.mark.parametrize("maximum", [0.8, "0.80", 1])
def test_max_cost_usd_not_exceeded_submits(sandbox, context, maximum):
    assert operator(max_cost_usd=maximum).execute(context)["estimated_cost_usd"] == "0.80"


def test_max_cost_usd_exceeded_raises_with_price_and_longest_duration(sandbox, context):
    message = refused(sandbox, context, max_cost_usd=0.5)
    assert message == (
        "'sora-2' would cost 0.80 USD (8 s at 0.10 a second), and max_cost_usd is 0.5. Nothing was submitted. "
        "At most 5 s of it fit."
    )
    assert "fit" not in refused(sandbox, context, max_cost_usd="0.1", model="kling-v2.6-pro")


def test_max_cost_usd_unknown_cost_raises_unless_allowed(sandbox, context):
    message = refused(sandbox, context, max_cost_usd=100, **UPSCALE)
    assert "0.05 a second, and the video is as long as its source" in message
    assert 'unknown_cost="allow"' in message
    operator(max_cost_usd=100, unknown_cost="allow", **UPSCALE).execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_max_cost_usd_fallback_model_is_compared_with_its_own_price(sandbox, context):
    sandbox.fault("error", status=403, code="model_not_allowed", times=2)
    with pytest.raises((InvalidRequestError, AirflowFailException), match=re.escape("'sora-2-pro' would cost 2.40")):
        operator(model="wan-2.5", max_cost_usd=1, fallback_models=["sora-2-pro"]).execute(context)
    result = operator(model="wan-2.5", max_cost_usd=1, fallback_models=["viduq2", "sora-2-pro"]).execute(context)
    assert (result["model"], result["estimated_cost_usd"]) == ("viduq2", "0.32")


@pytest.mark.parametrize("fault", ["reset", "html_502", "half_json"])
def test_estimate_price_request_fails_submits_without_max_cost_usd(sandbox, context, fault):
    sandbox.fault(fault, on="models", times=-1)
    began = time.monotonic()
    assert operator().execute(context)["estimated_cost_usd"] is None
    assert sandbox.ledger.requests("models") == 1
    assert time.monotonic() - began < 2


def test_max_cost_usd_price_request_refused_raises_and_sends_no_create(sandbox, context):
    sandbox.fault("error", on="models", status=401, code="invalid_api_key", times=-1)
    with pytest.raises((LemonDataError, AirflowFailException), match="invalid_api_key"):
        operator(max_cost_usd=1).execute(context)
    assert sandbox.ledger.requests("create") == 0
    operator(max_cost_usd=1, unknown_cost="allow").execute(context)
    assert len(sandbox.ledger.creates) == 1


class HookWithoutPrices(LemonDataHook):
    """A hook whose price requests fail."""

    def __init__(self, error: type[LemonDataError]) -> None:
        super().__init__()
        self.error = error

    def estimate(self, *_: Any, **__: Any) -> Any:
        raise self.error("no answer")


@pytest.mark.parametrize("name", ["AnswerLostError", "UnreadableAnswerError", "ServiceError"])
def test_check_lost_price_answer_raises_nothing_was_submitted(name):
    error = getattr(errors, name)
    guards = SubmitGuards(max_cost_usd=Decimal(1))
    with pytest.raises(ConnectionFailedError, match="nothing was submitted: no answer"):
        guards.check(HookWithoutPrices(error), VideoRequest.checked(model="sora-2", prompt="a"))


@pytest.mark.parametrize("retryable", [True, False, None])
def test_not_submitted_retryable_hint_is_kept(retryable):
    error = errors.ServiceError("down", status=503, code="all_channels_failed", hints={"retryable": retryable})
    translated = _not_submitted(error)
    assert (type(translated), translated.final) == (ConnectionFailedError, error.final)
    assert (translated.status, translated.code, translated.hints) == (503, "all_channels_failed", error.hints)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("max_cost_usd", value) for value in (-1, float("nan"), float("inf"), True, 10**400)],
        ("max_cost_usd", "cheap"),
        ("max_cost_usd", []),
        ("max_cost_usd", "{{ x }}"),
        ("unknown_cost", "maybe"),
        ("unknown_cost", None),
        ("check_live", "yes"),
        ("check_live", None),
    ],
)
def test_init_invalid_guard_option_raises(option, value):
    with pytest.raises(InvalidRequestError, match=option):
        operator(**{option: value})


def submission(store: TaskStateStore, guards: SubmitGuards) -> Submission:
    request = VideoRequest.checked(model="sora-2", prompt="a", duration=8)
    record = Record(fingerprint(request.body()), max_tries=2, deadline=4e9)
    hook = LemonDataHook()
    return Submission(
        hook,
        [request],
        record,
        Options(),
        0.05,
        SubmitStore(store),
        TaskInstanceKey("d", "t", "r"),
        price=lambda asked: guards.check(hook, asked),
    )


def test_submit_or_reattach_retry_sends_no_price_request_and_keeps_the_estimate(sandbox):
    store = TaskStateStore()
    submission(store, SubmitGuards(check_live=True)).submit_or_reattach()
    asked = sandbox.ledger.requests("models")
    retry = submission(store, SubmitGuards(check_live=True, max_cost_usd=Decimal(0)))
    retry.submit_or_reattach()
    assert (retry.record.estimated_cost_usd, sandbox.ledger.requests("models")) == ("0.80", asked)


def test_submit_or_reattach_record_without_estimate_is_valid(sandbox):
    store = TaskStateStore()
    submission(store, SubmitGuards()).submit_or_reattach()
    del store[KEY]["estimated_cost_usd"]
    retry = submission(store, SubmitGuards())
    retry.submit_or_reattach()
    assert retry.record.estimated_cost_usd is None
    assert len(sandbox.ledger.creates) == 1


def test_submit_or_reattach_max_cost_exceeded_stores_no_intent(sandbox):
    store = TaskStateStore()
    with pytest.raises(InvalidRequestError):
        submission(store, SubmitGuards(max_cost_usd=Decimal(0))).submit_or_reattach()
    assert store == {}


def test_check_live_value_not_in_the_live_contract_raises(sandbox, context):
    message = refused(sandbox, context, check_live=True, duration=7)
    assert "duration 7 is not allowed (allowed: 4, 8, 12; nearest: 8)" in message
    operator(check_live=True).execute(context)
    assert len(sandbox.ledger.creates) == 1


def test_check_live_unknown_model_raises_with_suggestions(sandbox, context):
    message = refused(sandbox, context, check_live=True, model="sora-3")
    assert "does not know the model 'sora-3' today" in message
    assert "Did you mean 'sora-2'?" in message
    result = operator(check_live=True, model="sora-3", fallback_models=["sora-2"]).execute(context)
    assert result["model"] == "sora-2"


def test_check_live_service_without_suggestions_suggests_from_the_catalog(sandbox, context):
    sandbox.fault("error", on="models", status=404, code="model_not_found")
    assert "Did you mean 'sora-2'?" in refused(sandbox, context, check_live=True, model="sora-3")


@pytest.mark.parametrize("details", [{"status": 401}, {"status": 404, "code": "not_found"}, {"status": 503}])
def test_check_live_models_request_fails_submits_with_a_warning(sandbox, context, details):
    sandbox.fault("error", on="models", times=-1, **details)
    with structlog.testing.capture_logs() as logs:
        operator(check_live=True, duration=7).execute(context)
    assert "submits unchecked" in str(logs)
    assert [call.path for call in sandbox.ledger.calls].count("/v1/models/sora-2") == 1
    assert len(sandbox.ledger.creates) == 1


def test_over_budget_upper_end_of_a_range_is_said_to_be_one():
    found = Estimate(Decimal("0.60"), "4 s at up to 0.15 a second", Decimal("0.15"), is_maximum=True)
    assert over_budget("veo3.1-fast", found, Decimal("0.5"), "refuse") == (
        "'veo3.1-fast' would cost at most 0.60 USD (4 s at up to 0.15 a second), and max_cost_usd is 0.5. "
        "Nothing was submitted. At most 3 s of it fit."
    )


def test_estimate_price_could_not_be_asked_for_never_reads_as_no_price(sandbox, context):
    sandbox.fault("error", on="models", status=401, code="invalid_api_key", times=-1)
    with structlog.testing.capture_logs() as logs:
        results = [operator().execute(context) for _ in range(2)]  # the second finds a failure that was cached
    assert [result["estimated_cost_usd"] for result in results] == [None, None]
    said = [str(line) for line in logs if "price" in str(line)]
    assert len([line for line in said if "could not be asked for" in line]) >= 2
    assert "publishes no price" not in " ".join(said)
