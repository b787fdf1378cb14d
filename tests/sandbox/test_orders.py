from __future__ import annotations

import pytest

from lemondata_provider.sandbox.orders import take_order
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings

URL = "https://example.com/a.png"


def refused(body: object, settings: Settings | None = None) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        take_order(body, settings or Settings())
    return refusal.value


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("text-to-video", {"model": "kling-video-o1-pro", "prompt": "x"}),
        ("image-to-video", {"model": "kling-video-o1-pro", "prompt": "x", "image_url": URL}),
        ("image-to-video", {"model": "kling-video-o1-pro", "image": "data:image/png;base64,AA=="}),
        ("reference-to-video", {"model": "kling-video-o1-pro", "reference_images": [URL]}),
        ("start-end-to-video", {"model": "kling-video-o1-pro", "start_image": URL, "end_image": URL}),
        ("video-to-video", {"model": "kling-video-o1-pro", "video_url": URL}),
        ("motion-control", {"model": "kling-3.0-motion-control", "video_url": URL, "image": URL}),
    ],
)
def test_take_order_missing_operation_is_inferred_from_the_inputs(operation, body):
    assert take_order(body, Settings()).operation == operation
    assert take_order({**body, "operation": operation}, Settings()).operation == operation


def test_take_order_missing_fields_have_defaults():
    order = take_order({"prompt": "x", "seed": None}, Settings())
    assert (order.model, order.duration, order.fps, order.resolution) == ("veo3.1", 4, 12, "720p")
    assert (order.aspect_ratio, order.seed, order.output_audio) == ("16:9", 0, True)
    assert take_order({"prompt": "x"}, Settings(edition="2026-05")).model == "sora-2"


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": -1},
        {"resolution": "480p"},
        {"aspect_ratio": "21:9"},
        {"operation": "reference-to-video", "reference_images": [URL] * 4},
    ],
)
def test_take_order_value_of_the_newest_edition_is_refused_by_earlier_ones(fields):
    body = {"model": "seedance-2.0", "prompt": "x", **fields}
    assert take_order(body, Settings())
    assert refused(body, Settings(edition="2026-05"))


@pytest.mark.parametrize(
    ("fields", "audio"),
    [({}, True), ({"output_audio": False}, False), ({"outputAudio": False}, False), ({"output_audio": None}, True)],
)
def test_take_order_veo_3_has_audio_unless_output_audio_is_false(fields, audio):
    assert take_order({"model": "veo3.1-fast", "prompt": "x", **fields}, Settings()).output_audio is audio


@pytest.mark.parametrize(
    ("param", "body"),
    [
        ("prompt", {"operation": "text-to-video"}),
        ("image_url", {"operation": "image-to-video", "prompt": "x"}),
        ("end_image", {"model": "veo3.1", "operation": "start-end-to-video", "start_image": URL}),
        ("video_url", {"model": "topaz-video-upscale", "operation": "video-to-video"}),
        ("operation", {"operation": "dance", "prompt": "x"}),
        ("prompt", {"prompt": 3}),
        ("duration", {"prompt": "x", "duration": "4"}),
        ("duration", {"prompt": "x", "duration": True}),
        ("duration", {"prompt": "x", "duration": 61}),
        ("seed", {"prompt": "x", "seed": 1.5}),
        ("fps", {"prompt": "x", "fps": 0}),
        ("cfg_scale", {"prompt": "x", "cfg_scale": "high"}),
        ("motion_strength", {"prompt": "x", "motion_strength": 101}),
        ("output_audio", {"prompt": "x", "output_audio": "yes"}),
        ("resolution", {"prompt": "x", "resolution": "8k"}),
        ("aspect_ratio", {"prompt": "x", "aspect_ratio": "2:1"}),
        ("reference_images", {"model": "veo3.1", "reference_images": URL}),
        ("reference_images", {"model": "veo3.1", "reference_images": [1]}),
        ("reference_images", {"model": "veo3.1", "reference_images": [URL] * 10}),
    ],
)
def test_take_order_invalid_field_is_refused_with_its_name(param, body):
    refusal = refused(body)
    assert (refusal.status, refusal.code, refusal.error["param"]) == (400, "invalid_request_error", param)


def test_take_order_body_not_an_object_is_refused():
    assert refused(["prompt"]).code == "invalid_request_error"


@pytest.mark.parametrize("fields", [{}, {"operation": "text-to-video"}])
def test_take_order_unsupported_operation_is_refused_with_the_supported_ones(fields):
    refusal = refused({"model": "topaz-video-upscale", "prompt": "x", **fields})
    assert refusal.code == "unsupported_operation"
    assert refusal.error["supported_operations"] == ["video-to-video"]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("duration", 5, "allowed_durations"),
        ("resolution", "4k", "allowed_resolutions"),
        ("aspect_ratio", "1:1", "allowed_aspect_ratios"),
    ],
)
def test_take_order_strict_contract_refuses_values_outside_the_contract(name, value, hint):
    body = {"model": "sora-2", "prompt": "x", name: value}
    assert take_order(body, Settings())
    refusal = refused(body, Settings(strict_contract=True))
    assert refusal.error["param"] == name
    assert value not in refusal.error[hint]
    assert take_order(
        {"model": "sora-2", "prompt": "x", "duration": 8, "resolution": "720p"}, Settings(strict_contract=True)
    )
