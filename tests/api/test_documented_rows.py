"""Every request field and every error of the documented API, in any edition."""

from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.error_response import error_from
from lemondata_provider.api.errors import (
    AccessDeniedError,
    APIError,
    AuthenticationError,
    BadRequestError,
    InsufficientBalanceError,
    ModelNotFoundError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    TaskNotFoundError,
)
from lemondata_provider.api.request import REQUEST_FIELDS, VideoRequest
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.catalog import load
from lemondata_provider.catalog.checks import check
from tests.api.doubles import error_classes

IMAGE, VIDEO, AUDIO = "https://x.example/a.png", "https://x.example/a.mp4", "https://x.example/a.mp3"
FIELDS: list[tuple[str, Any]] = [
    *(("operation", word) for word in ("video-extension", "audio-to-video", "text-to-video")),
    *((name, IMAGE) for name in ("image_url", "image", "start_image", "end_image")),
    *((name, "asset://asset-1") for name in ("image_url", "start_image", "video_url", "audio_url")),
    *((name, "data:image/png;base64,AAAA") for name in ("image", "image_url", "start_image")),
    *((name, [IMAGE] * count) for name in ("image_urls", "reference_images") for count in (1, 9)),
    *(("reference_image_type", word) for word in ("asset", "style")),
    ("video_url", VIDEO),
    ("video_urls", [VIDEO] * 3),
    ("audio_url", AUDIO),
    ("audio_urls", [AUDIO] * 3),
    ("source_task_id", "ldtask_1"),
    ("output_audio", False),
    *(("duration", seconds) for seconds in (-1, 1, 15, 60)),
    *(("aspect_ratio", word) for word in ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive")),
    *(("resolution", word) for word in ("360p", "480p", "540p", "720p", "768p", "1080p", "4k")),
    *(("fps", number) for number in (1, 120)),
    *(("seed", number) for number in (-1, 4294967295)),
    *(("cfg_scale", number) for number in (0, 20, 30)),
    *(("motion_strength", number) for number in (0, 0.5, 1, 100)),
    ("negative_prompt", "dogs"),
    ("user", "me"),
    ("kling_elements", [{"name": "cat", "element_input_urls": [IMAGE, IMAGE]}]),
    ("watermark", True),
    ("return_last_frame", True),
]
EXTRA: dict[str, Any] = {
    "outputAudio": True,
    "generate_audio": True,
    "audio": True,
    "bgm": False,
    "seconds": 5,
    "ratio": "16:9",
    "end_image_url": IMAGE,
    "extend_at": 4,
    "extend_times": "1",
    "material_asset_id": "asset-1",
    "material_asset_ids": ["asset-1"],
    "draft": True,
    "draft_task_id": "ldtask_1",
    "camera_fixed": True,
    "frames": 120,
    "priority": 9,
    "execution_expires_after": 3600,
    "service_tier": "flex",
    "output_format": "mov",
    "size": "1280x720",
    "effect_type": "x",
    "safety_identifier": "x",
}


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("model", ["seedance-2.0", "a-model-of-tomorrow"])
def test_documented_field_is_sent_and_its_value_is_not_refused(model: str, name: str, value: Any) -> None:
    request = VideoRequest.checked(model=model, prompt="x", **{name: value})
    sent = {"source_task_id": "task_id"}.get(name, name)
    assert request.body()[sent] == value
    errors = check({name: value, "model": model, "operation": "video-extension"}, load()).errors
    assert [error for error in errors if error.startswith(f"{name} ")] == []


@pytest.mark.parametrize(("name", "value"), [item for item in EXTRA.items() if item[0] not in REQUEST_FIELDS])
@pytest.mark.parametrize("model", ["seedance-2.0", "kling-3.0-motion-control", "a-model-of-tomorrow"])
def test_documented_field_without_a_parameter_passes_through_extra_params(model: str, name: str, value: Any) -> None:
    request = VideoRequest.checked(model=model, extra_params={name: value})
    assert request.body() == {"model": model, name: value}
    if name != "outputAudio":  # an alias of a field that decides nothing
        assert check(request.fields(), load()).errors == ()


DOCUMENTED_ERRORS: list[tuple[int, str, type[APIError], SubmitOutcome]] = [
    (400, "invalid_request_error", BadRequestError, SubmitOutcome.REFUSED),
    (400, "model_not_found", ModelNotFoundError, SubmitOutcome.REFUSED),
    (404, "model_not_found", ModelNotFoundError, SubmitOutcome.REFUSED),
    (400, "no_contract_compatible_route", BadRequestError, SubmitOutcome.REFUSED),
    (400, "unsupported_task_cancel", BadRequestError, SubmitOutcome.REFUSED),
    (401, "invalid_api_key", AuthenticationError, SubmitOutcome.REFUSED),
    (401, "expired_api_key", AuthenticationError, SubmitOutcome.REFUSED),
    (402, "insufficient_balance", InsufficientBalanceError, SubmitOutcome.REFUSED),
    (402, "quota_exceeded", InsufficientBalanceError, SubmitOutcome.REFUSED),
    *(
        (403, code, AccessDeniedError, SubmitOutcome.REFUSED)
        for code in ("access_denied", "model_not_allowed", "permission_error", "task_not_owned")
    ),
    (404, "async_task_not_found", TaskNotFoundError, SubmitOutcome.REFUSED),
    (404, "task_not_found", TaskNotFoundError, SubmitOutcome.REFUSED),
    (404, "not_found_error", NotFoundError, SubmitOutcome.REFUSED),
    (409, "seedance_material_preparing", BadRequestError, SubmitOutcome.REFUSED),
    (409, "task_not_cancellable", BadRequestError, SubmitOutcome.REFUSED),
    (413, "payload_too_large", BadRequestError, SubmitOutcome.REFUSED),
    (429, "rate_limit_exceeded", RateLimitError, SubmitOutcome.REFUSED),
    *(
        (status, code, ServiceError, SubmitOutcome.UNKNOWN)
        for status in (500, 502, 504)
        for code in ("server_error", "upstream_error", "timeout_error")
    ),
    *(
        (503, code, ServiceError, SubmitOutcome.REFUSED)
        for code in ("all_channels_failed", "model_unavailable", "delivery_tier_unavailable")
    ),
    (503, "server_error", ServiceError, SubmitOutcome.UNKNOWN),
]


def test_documented_errors_of_this_test_include_every_class() -> None:
    assert {cls for _, _, cls, _ in DOCUMENTED_ERRORS} == {*error_classes(APIError)} - {APIError}


@pytest.mark.parametrize(("status", "code", "cls", "outcome"), DOCUMENTED_ERRORS)
@pytest.mark.parametrize("name", ["code", "type"])
def test_documented_error_has_its_class_and_outcome(
    name: str, status: int, code: str, cls: type[APIError], outcome: SubmitOutcome
) -> None:
    error = error_from(status, {}, {"error": {"message": "why", name: code}}, now=0)
    assert (type(error), error.status) == (cls, status)
    assert name == "type" or error.code == code
    assert classify_submit_error(error) is outcome
