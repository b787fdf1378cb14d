from __future__ import annotations

import pytest
import structlog
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api.errors import APIError, InvalidRequestError, ModelNotFoundError, ServiceError
from tests.operators.helpers import operator, rendered


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 400, "code": "model_not_found"},
        {"status": 403, "code": "model_not_allowed"},
        {"status": 503, "code": "all_channels_failed", "retryable": False},
    ],
    ids=lambda refusal: refusal["code"],
)
def test_fallback_models_first_unavailable_uses_the_next_and_the_result_names_it(sandbox, context, refusal):
    sandbox.fault("error", **refusal)
    with structlog.testing.capture_logs() as logs:
        result = operator(model="veo3", fallback_models=["sora-2", "seedance-2.0"]).execute(context)
    assert result["model"] == "sora-2"
    assert [create.model for create in sandbox.ledger.creates] == ["sora-2"]
    assert "Model veo3 is not available: " in str(logs)


def test_fallback_models_all_unavailable_raises_the_last_refusal(sandbox, context):
    with pytest.raises((APIError, AirflowFailException), match="model_not_found: The model 'c' does not exist"):
        operator(model="a", fallback_models=["b", "c"]).execute(context)
    assert sandbox.ledger.requests("create", 400) == 3
    assert not sandbox.ledger.creates


@pytest.mark.parametrize("fault", ["lost_answer", "error"])
def test_fallback_models_other_errors_submit_no_other_model(sandbox, context, fault):
    details = {"status": 402, "code": "insufficient_balance"} if fault == "error" else {}
    sandbox.fault(fault, **details)
    with pytest.raises((APIError, AirflowFailException)):
        operator(model="veo3", fallback_models=["sora-2"]).execute(context)
    assert sandbox.ledger.requests("create") == 1


def test_fallback_models_not_set_unavailable_model_fails(sandbox, context):
    with pytest.raises((ModelNotFoundError, AirflowFailException)):
        operator(model="a").execute(context)
    assert sandbox.ledger.requests("create") == 1


@pytest.mark.parametrize("value", ["sora-2", [1], [""], {"a": 1}])
def test_fallback_models_invalid_raises_when_literal_and_fails_when_rendered(sandbox, context, value):
    with pytest.raises(InvalidRequestError, match="fallback_models must be a list of names of models"):
        operator(fallback_models=value)
    op = rendered(operator(fallback_models="{{ value }}"), native=True, value=value)
    with pytest.raises(AirflowFailException, match="fallback_models must be a list of names of models"):
        op.execute(context)
    assert sandbox.ledger.requests() == 0


def test_fallback_models_completed_result_names_the_used_model(sandbox, context):
    result = operator(model="a", fallback_models=["seedance-2.0"], wait_for_completion=True, deferrable=False).execute(
        context
    )
    assert (result["status"], result["model"]) == ("completed", "seedance-2.0")


def test_fallback_models_retryable_and_final_refusals_raise_the_retryable_one(sandbox, context):
    sandbox.fault("error", status=503, code="all_channels_failed", retryable=True, retry_after=61)
    with pytest.raises(ServiceError) as refused:
        operator(model="veo3", fallback_models=["b"]).execute(context)
    assert (refused.value.final, refused.value.retry_after) == (False, 61)
