"""Every edition of the API, through operator, sensor, trigger and hook."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.validation import check_requests
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor

FORMS: dict[str, dict[str, Any]] = {
    "2026-03": {"edition": "2026-03", "time_fields": "old", "completed_word": "succeeded", "video_form": "video"},
    "2026-05": {"edition": "2026-05", "pending_word": "queued", "processing_word": "running", "video_form": "videos"},
    "2026-09": {"edition": "2026-09", "progress": "missing"},
    "2026-09, prices as ranges": {"edition": "2026-09", "pricing_form": "range"},
}


@pytest.fixture(params=FORMS)
def service(request: pytest.FixtureRequest, sandbox: Any) -> Any:
    sandbox.configure(generation_seconds=0.1, pending_seconds=0.0, **FORMS[request.param])
    return sandbox


def test_submit_and_wait_in_every_edition_returns_the_video(service: Any, context: Any) -> None:
    operator = SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="x",
        duration=4,
        check_live=True,
        max_cost_usd=1,
        wait_for_completion=True,
        deferrable=False,
        poll_interval=0.05,
    )
    result = operator.execute(context)
    assert (result["status"], result["model"]) == ("completed", "veo3.1-fast")
    assert result["video_url"].startswith("http")
    assert Decimal(result["estimated_cost_usd"]) == Decimal("0.60")


async def test_sensor_and_trigger_in_every_edition_resume_with_the_video(service: Any, context: Any) -> None:
    service.configure(generation_seconds=1.0)  # the sensor's first poll is to find it unfinished
    submitted = SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="x").execute(context)
    sensor = TaskSensor(task_id="wait", poll_url=submitted, poke_interval=0.1)
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    event = await anext(deferral.value.trigger.run())
    result = sensor.execute_complete(context, event.payload, **(deferral.value.kwargs or {}))
    assert result["task_id"] == submitted["task_id"]
    assert result["video_url"].startswith("http")


def test_hook_in_every_edition_reads_models_and_prices(service: Any) -> None:
    hook = LemonDataHook()
    models = {model.id: model for model in hook.list_models()}
    assert "text-to-video" in models["veo3.1-fast"].supported_operations
    assert "reference-to-video" in hook.get_model("veo3.1-fast").supported_operations
    estimate = hook.estimate(VideoRequest.checked(model="veo3.1-fast", prompt="x", duration=4))
    assert estimate.usd == Decimal("0.60")
    assert hook.test_connection() == (True, "LemonData accepted the API key")


def test_check_live_in_every_edition_refuses_a_length_that_the_contract_excludes(service: Any, context: Any) -> None:
    operator = SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="x", duration=5, check_live=True)
    with pytest.raises(Exception, match=r"duration 5 is not allowed \(allowed: 4, 6, 8; nearest: 4\)"):
        operator.execute(context)
    assert service.ledger.requests("create") == 0


IMAGE, VIDEO, ASSET = "https://x.example/a.png", "https://x.example/a.mp4", "asset://asset-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "veo3.1", "prompt": "x", "duration": 8, "aspect_ratio": "9:16"},
        {"model": "hailuo-2.3-standard", "prompt": "x", "duration": 6, "resolution": "768p"},
        {"model": "seedance-2.0", "prompt": "x", "duration": -1, "aspect_ratio": "adaptive"},
        {"model": "seedance-2.0", "prompt": "x", "reference_images": [IMAGE] * 9},
        {"model": "seedance-2.0", "prompt": "x", "image_url": ASSET, "operation": "image-to-video"},
        {"model": "seedance-2.5", "operation": "video-extension", "source_task_id": "ldtask_1"},
        {"model": "grok-imagine-video", "prompt": "x", "reference_images": [IMAGE] * 7},
        {"model": "grok-imagine-video-1.5", "prompt": "x", "image_urls": [IMAGE]},
        {"model": "happyhorse-1.1", "operation": "video-to-video", "video_url": VIDEO, "reference_images": [IMAGE]},
        {"model": "viduq3-turbo", "prompt": "x", "image": IMAGE, "resolution": "540p"},
        {"model": "pixverse-v6", "prompt": "x", "resolution": "360p", "duration": 15},
        {"model": "viduq2-pro", "operation": "start-end-to-video", "start_image": IMAGE, "end_image": IMAGE},
        {"model": "topaz-video-upscale", "source_task_id": "ldtask_1"},
        {"model": "kling-3.0-motion-control", "image_url": IMAGE, "video_url": VIDEO},
        {"model": "seedance-2.0", "operation": "image-to-video", "extra_params": {"material_asset_ids": ["asset-1"]}},
        {"model": "a-model-of-tomorrow", "prompt": "x", "resolution": "8k"},
    ],
    ids=str,
)
def test_strict_validation_refuses_no_documented_request(sandbox: Any, fields: dict[str, Any]) -> None:
    check_requests([VideoRequest.checked(**fields)], "strict", LemonDataHook())
    SubmitVideoOperator(task_id="clip", **fields)  # literals are checked when the DAG is parsed
