from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.request import MEDIA_FIELDS, REQUEST_FIELDS
from lemondata_provider.catalog.media import MEDIA
from lemondata_provider.catalog.operations import DECIDING, NEEDS, SETTINGS, fitting, infer, missing, surplus
from tests.catalog.tables import AUDIO, CATALOG, EXAMPLES, IMAGE, VIDEO


def meant(model: str, **inputs: Any) -> str | None:
    return infer({"model": model, **inputs}, CATALOG.operations_of(model))


def test_deciding_and_settings_together_are_the_request_fields() -> None:
    alias = "outputAudio"  # the service accepts it, through extra_params
    assert {*DECIDING, *SETTINGS, "extra_params"} == {*REQUEST_FIELDS, alias}
    assert set(MEDIA) == set(MEDIA_FIELDS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["operation"])
def test_infer_example_of_the_guide_is_its_operation(example: dict[str, Any]) -> None:
    assert infer({**example, "operation": None}, CATALOG.operations_of(example["model"])) == example["operation"]


@pytest.mark.parametrize(
    ("inputs", "operation"),
    [
        ({"prompt": "x"}, "text-to-video"),
        ({"prompt": "x", "duration": 4, "seed": 1, "output_audio": False}, "text-to-video"),
        ({"prompt": "x", "image_url": IMAGE}, "image-to-video"),
        ({"image": "data:image/png;base64,aa"}, "image-to-video"),
        ({"prompt": "x", "image_url": IMAGE, "audio_url": AUDIO}, "image-to-video"),
        ({"prompt": "x", "reference_images": [IMAGE]}, "reference-to-video"),
        ({"prompt": "x", "start_image": IMAGE, "end_image": IMAGE}, "start-end-to-video"),
        ({"prompt": "x", "video_url": VIDEO}, "video-to-video"),
        ({"image_url": IMAGE, "video_url": VIDEO}, "video-to-video"),
        ({"start_image": IMAGE}, None),
        ({"prompt": "x", "end_image": IMAGE}, None),
        ({"prompt": "x", "audio_url": AUDIO}, None),
        ({"duration": 4}, None),
    ],
)
def test_infer_inputs_decide_the_operation(inputs: dict[str, Any], operation: str | None) -> None:
    assert meant("kling-video-o1-pro", **inputs) == operation


@pytest.mark.parametrize("inputs", [{"prompt": "x"}, {"video_url": VIDEO}, {"image_url": IMAGE}, {}])
@pytest.mark.parametrize(
    ("model", "operation"),
    [("sora-2-pro-storyboard", "image-to-video"), ("kling-3.0-motion-control", "motion-control")],
)
def test_infer_model_with_one_operation_is_that_operation(model: str, operation: str, inputs: dict[str, Any]) -> None:
    assert meant(model, **inputs) == operation


def test_infer_unknown_model_follows_the_inputs_if_unambiguous() -> None:
    assert meant("new-1", prompt="x") == "text-to-video"
    assert meant("new-1", prompt="x", video_url=VIDEO) == "video-to-video"
    assert meant("new-1", image_url=IMAGE, video_url=VIDEO) is None  # to follow the video, or to make it over
    assert meant("new-1", start_image=IMAGE) is None


def test_infer_unknown_field_with_a_prompt_is_none() -> None:
    assert meant("kling-video-o1-pro", prompt="x", mesh_url="https://x.example/a.obj") is None
    assert meant("kling-video-o1-pro", image_url=IMAGE, camera="left") == "image-to-video"


@pytest.mark.parametrize("operation", [name for name, needs in NEEDS.items() if needs])
def test_fitting_own_inputs_is_the_operation(operation: str) -> None:
    inputs = {names[0]: "x" for names in NEEDS[operation]}
    assert fitting(inputs) == operation
    assert (missing(inputs, operation), surplus(inputs, operation)) == ([], [])


def test_missing_undescribed_operation_is_empty() -> None:
    for operation in ("audio-to-video", "video-extension", "tomorrow"):
        assert (missing({}, operation), surplus({"video_url": VIDEO}, operation)) == ([], [])
