"""What an error says about a create: was it sent, was it refused, or could it have been accepted and charged."""

from __future__ import annotations

from enum import Enum

from lemondata_provider.api.errors import (
    APIError,
    ConfigurationError,
    ConnectionFailedError,
    InputUnreadableError,
    InvalidRequestError,
    LemonDataError,
    ModelNotFoundError,
    RateLimitError,
    RequestChangedError,
    ServiceError,
    SubmitUnknownError,
)

MODEL_NOT_FOUND = "model_not_found"  # also of a check before the submit
NEVER_SENT = (
    ConfigurationError,
    InvalidRequestError,
    InputUnreadableError,
    RequestChangedError,
    ConnectionFailedError,
)
NO_CHANNELS = {"all_channels_failed", "model_unavailable", "delivery_tier_unavailable"}
NOT_READY = "seedance_material_preparing"  # the same request succeeds once the named assets are ready


class SubmitOutcome(str, Enum):
    """What became of a create that failed."""

    NOT_SENT = "not sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def _has_no_channels(error: LemonDataError) -> bool:
    return error.status == 503 and error.code in NO_CHANNELS


def is_refused_for_now(error: LemonDataError) -> bool:
    """Say whether the service refused the request and invited another one."""
    retryable = error.hints.get("retryable")
    invited = retryable is True or (
        retryable is not False and (isinstance(error, RateLimitError) or error.code == NOT_READY)
    )
    return invited and classify_submit_error(error) is SubmitOutcome.REFUSED


def classify_submit_error(error: LemonDataError) -> SubmitOutcome:
    """Judge a failed create: all that is neither surely unsent nor surely refused is unknown."""
    if isinstance(error, NEVER_SENT):
        return SubmitOutcome.NOT_SENT
    answered = isinstance(error, APIError) and not isinstance(error, ServiceError)
    return SubmitOutcome.REFUSED if answered or _has_no_channels(error) else SubmitOutcome.UNKNOWN


def is_model_unavailable(error: LemonDataError) -> bool:
    """
    Say whether the request was refused because of its model: not found, not allowed, or without channels.

    A create whose outcome is unknown may have been charged, whatever its code says: no other model may be submitted.
    """
    if classify_submit_error(error) is SubmitOutcome.UNKNOWN:
        return False
    not_allowed = isinstance(error, APIError) and error.code == "model_not_allowed"
    not_found = isinstance(error, ModelNotFoundError) or error.code == MODEL_NOT_FOUND
    return not_found or not_allowed or _has_no_channels(error)


REPAIR_WITHOUT_RECORD = (
    "It is not submitted again by itself. Look for the task in LemonData's dashboard: if it is there, wait for it "
    "with TaskSensor(poll_url='/v1/tasks/<its id>'); if it is not, clear this Airflow task to submit it again."
)


def to_submit_error(error: LemonDataError, repair: str = REPAIR_WITHOUT_RECORD) -> LemonDataError:
    """Return the error to raise for a failed create: as it is, or as unknown with what to do about the money."""
    if classify_submit_error(error) is not SubmitOutcome.UNKNOWN or isinstance(error, SubmitUnknownError):
        return error
    return SubmitUnknownError(
        f"LemonData may have accepted and charged this video, but no readable answer came: {error.message} {repair}",
        status=error.status,
        code=error.code,
        param=error.param,
        hints=error.hints,
        retry_after=error.retry_after,
        task_id=error.task_id,
        request_id=error.request_id,
    )
