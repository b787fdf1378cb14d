from __future__ import annotations

import pytest

from lemondata_provider.api import errors
from lemondata_provider.api.error_response import error_from
from lemondata_provider.api.errors import SubmitUnknownError
from lemondata_provider.api.submit_outcome import (
    SubmitOutcome,
    classify_submit_error,
    is_model_unavailable,
    is_refused_for_now,
    to_submit_error,
)
from tests.api.doubles import error_classes

CLASSES = {
    "LemonDataError": SubmitOutcome.UNKNOWN,
    "ConfigurationError": SubmitOutcome.NOT_SENT,
    "InvalidRequestError": SubmitOutcome.NOT_SENT,
    "InputUnreadableError": SubmitOutcome.NOT_SENT,
    "ConnectionFailedError": SubmitOutcome.NOT_SENT,
    "AnswerLostError": SubmitOutcome.UNKNOWN,
    "UnreadableAnswerError": SubmitOutcome.UNKNOWN,
    "MissingTaskError": SubmitOutcome.UNKNOWN,
    "SubmitUnknownError": SubmitOutcome.UNKNOWN,
    "RequestChangedError": SubmitOutcome.NOT_SENT,
    "APIError": SubmitOutcome.REFUSED,
    "BadRequestError": SubmitOutcome.REFUSED,
    "ModelNotFoundError": SubmitOutcome.REFUSED,
    "AuthenticationError": SubmitOutcome.REFUSED,
    "InsufficientBalanceError": SubmitOutcome.REFUSED,
    "AccessDeniedError": SubmitOutcome.REFUSED,
    "NotFoundError": SubmitOutcome.REFUSED,
    "TaskNotFoundError": SubmitOutcome.REFUSED,
    "RateLimitError": SubmitOutcome.REFUSED,
    "ServiceError": SubmitOutcome.UNKNOWN,
    "TaskFailedError": SubmitOutcome.UNKNOWN,
    "MissingVideoError": SubmitOutcome.UNKNOWN,
    "TaskTimeoutError": SubmitOutcome.UNKNOWN,
    "DownloadError": SubmitOutcome.UNKNOWN,
    "LinkEndedError": SubmitOutcome.UNKNOWN,
    "BrokenDownloadError": SubmitOutcome.UNKNOWN,
    "NotAVideoError": SubmitOutcome.UNKNOWN,
    "VideoTooLargeError": SubmitOutcome.UNKNOWN,
    "OutputError": SubmitOutcome.UNKNOWN,
    "OutputTakenError": SubmitOutcome.UNKNOWN,
    "OutputMismatchError": SubmitOutcome.UNKNOWN,
    "OutputUnwritableError": SubmitOutcome.UNKNOWN,
}


def test_classes_of_this_test_include_every_error() -> None:
    assert {cls.__name__ for cls in error_classes()} == CLASSES.keys()


@pytest.mark.parametrize(("name", "expected"), CLASSES.items())
def test_classify_submit_error_every_class_has_its_outcome(name: str, expected: SubmitOutcome) -> None:
    error = getattr(errors, name)("it broke")
    assert classify_submit_error(error) is expected


# status, code, hints -> verdict, and whether the service invites another attempt
ANSWERS = [
    (400, None, {}, SubmitOutcome.REFUSED, False),
    (400, "model_not_found", {}, SubmitOutcome.REFUSED, False),
    (401, "invalid_api_key", {}, SubmitOutcome.REFUSED, False),
    (402, "insufficient_balance", {}, SubmitOutcome.REFUSED, False),
    (403, None, {}, SubmitOutcome.REFUSED, False),
    (404, None, {}, SubmitOutcome.REFUSED, False),
    (409, None, {}, SubmitOutcome.REFUSED, False),
    (413, None, {}, SubmitOutcome.REFUSED, False),
    (400, "all_channels_failed", {"retryable": True}, SubmitOutcome.REFUSED, True),
    (429, None, {"retryable": False}, SubmitOutcome.REFUSED, False),
    (429, "rate_limit_exceeded", {}, SubmitOutcome.REFUSED, True),
    (429, None, {}, SubmitOutcome.REFUSED, True),
    (408, None, {}, SubmitOutcome.UNKNOWN, False),
    (499, None, {}, SubmitOutcome.UNKNOWN, False),
    (500, "server_error", {"retryable": True}, SubmitOutcome.UNKNOWN, False),
    (500, "all_channels_failed", {"retryable": True}, SubmitOutcome.UNKNOWN, False),
    (500, "model_not_found", {}, SubmitOutcome.UNKNOWN, False),
    (502, "async_task_not_found", {}, SubmitOutcome.UNKNOWN, False),
    (502, None, {}, SubmitOutcome.UNKNOWN, False),
    (503, None, {"retryable": True}, SubmitOutcome.UNKNOWN, False),
    (503, "overloaded", {"retryable": True}, SubmitOutcome.UNKNOWN, False),
    (503, "all_channels_failed", {"retryable": True}, SubmitOutcome.REFUSED, True),
    (503, "all_channels_failed", {"retryable": False}, SubmitOutcome.REFUSED, False),
    (503, "all_channels_failed", {"retryable": "true"}, SubmitOutcome.REFUSED, False),
    (503, "all_channels_failed", {"retryable": 1}, SubmitOutcome.REFUSED, False),
    (503, "all_channels_failed", {}, SubmitOutcome.REFUSED, False),
    (504, "timeout_error", {}, SubmitOutcome.UNKNOWN, False),
]


@pytest.mark.parametrize(("status", "code", "hints", "expected", "invited"), ANSWERS)
def test_classify_submit_error_every_answer_has_its_outcome(
    status: int, code: str | None, hints: dict[str, object], expected: SubmitOutcome, invited: bool
) -> None:
    error = error_from(status, {}, {"error": {"message": "why", "code": code, **hints}}, now=0)
    assert classify_submit_error(error) is expected
    assert is_refused_for_now(error) is invited


@pytest.mark.parametrize("name", [name for name, expected in CLASSES.items() if expected is not SubmitOutcome.UNKNOWN])
def test_to_submit_error_refused_or_not_sent_is_unchanged(name: str) -> None:
    error = getattr(errors, name)("it broke")
    assert to_submit_error(error) is error


def test_to_submit_error_submit_unknown_is_not_wrapped_again() -> None:
    error = errors.SubmitUnknownError("it broke")
    assert to_submit_error(error) is error


@pytest.mark.parametrize(
    "name",
    [name for name, expected in CLASSES.items() if expected is SubmitOutcome.UNKNOWN and name != "SubmitUnknownError"],
)
def test_to_submit_error_unknown_outcome_says_what_to_do(name: str) -> None:
    cause = getattr(errors, name)("it broke", status=502, code="upstream_error", hints={"hint": "wait"}, retry_after=9)
    error = to_submit_error(cause)
    assert type(error) is SubmitUnknownError
    assert error.final
    for words in ("may have", "charged", "it broke", "dashboard", "TaskSensor(poll_url='/v1/tasks/", "Hint: wait."):
        assert words in str(error)
    assert (error.status, error.code, error.retry_after) == (502, "upstream_error", 9)
    assert error.hints == {"hint": "wait"}


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (errors.ModelNotFoundError("400", status=400, code="model_not_found"), True),
        (errors.AccessDeniedError("403", status=403, code="model_not_allowed"), True),
        (errors.ServiceError("503", status=503, code="all_channels_failed"), True),
        (errors.AccessDeniedError("403", status=403, code="access_denied"), False),
        (errors.BadRequestError("400", status=400, code="unsupported_operation"), False),
        (errors.ServiceError("503", status=503), False),
        (errors.AnswerLostError("reset"), False),
    ],
)
def test_is_model_unavailable_only_errors_of_the_model_are_true(error, wanted):
    assert is_model_unavailable(error) is wanted


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504])
@pytest.mark.parametrize("code", ["model_not_found", "model_not_allowed", "all_channels_failed"])
def test_is_model_unavailable_unknown_outcome_is_false_whatever_its_code(status: int, code: str) -> None:
    error = error_from(status, {}, {"error": {"message": "why", "code": code}}, now=0)
    unknown = classify_submit_error(error) is SubmitOutcome.UNKNOWN
    assert unknown is not (status == 503 and code == "all_channels_failed")
    assert is_model_unavailable(error) is not unknown
