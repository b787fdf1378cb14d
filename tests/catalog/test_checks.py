from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.catalog import Catalog, CatalogModel
from lemondata_provider.catalog.checks import Findings, check
from tests.catalog.tables import AUDIO, CATALOG, EXAMPLES, IMAGE, OF, VIDEO

NOTHING = Findings()
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["operation"])


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def error(**fields: Any) -> str:
    (only,) = check(fields, CATALOG).errors
    return only


# --- the guide's own requests


@each_example
def test_check_example_of_the_guide_finds_nothing(example: dict[str, Any]) -> None:
    assert check(example, CATALOG) == NOTHING


@each_example
def test_check_example_without_operation_finds_nothing(example: dict[str, Any]) -> None:
    assert check(without(example, "operation"), CATALOG) == NOTHING


@pytest.mark.parametrize(
    ("operation", "removed", "sentence"),
    [
        (
            "text-to-video",
            "prompt",
            "sora-2: text-to-video needs prompt, and this request has no prompt. sora-2 does text-to-video and "
            "image-to-video.",
        ),
        (
            "image-to-video",
            "image_url",
            "hailuo-2.3-standard: image-to-video needs image_url or image or image_urls, and this request has no "
            "image_url or image or image_urls: did you mean operation='text-to-video'?",
        ),
        (
            "reference-to-video",
            "reference_images",
            "veo3.1: reference-to-video needs reference_images or image_urls or video_urls, and this request has no "
            "reference_images or image_urls or video_urls: did you mean "
            "operation='text-to-video'?",
        ),
        (
            "start-end-to-video",
            "start_image",
            "viduq2-pro: start-end-to-video needs start_image and end_image, and this request has no start_image. "
            "viduq2-pro does image-to-video, reference-to-video and start-end-to-video.",
        ),
        (
            "start-end-to-video",
            "end_image",
            "viduq2-pro: start-end-to-video needs start_image and end_image, and this request has no end_image. "
            "viduq2-pro does image-to-video, reference-to-video and start-end-to-video.",
        ),
        (
            "video-to-video",
            "video_url",
            "topaz-video-upscale: video-to-video needs video_url or video_urls or source_task_id, and this request has "
            "no video_url or video_urls or source_task_id. "
            "topaz-video-upscale does video-to-video.",
        ),
        (
            "motion-control",
            "image_url",
            "kling-3.0-motion-control: motion-control needs image_url or image and video_url, and this request has no "
            "image_url or image. kling-3.0-motion-control does motion-control.",
        ),
        (
            "motion-control",
            "video_url",
            "kling-3.0-motion-control: motion-control needs image_url or image and video_url, and this request has no "
            "video_url. kling-3.0-motion-control does motion-control.",
        ),
    ],
)
def test_check_missing_input_is_an_error(operation: str, removed: str, sentence: str) -> None:
    assert error(**without(OF[operation], removed)) == sentence


@pytest.mark.parametrize(
    ("operation", "model", "sentence"),
    [
        (
            "text-to-video",
            "viduq2-turbo",
            "viduq2-turbo does image-to-video and start-end-to-video, not text-to-video: did you mean "
            "model='viduq3-turbo'? (viduq3-pro, viduq2 and kling-video-o1-pro can as well)",
        ),
        (
            "image-to-video",
            "grok-imagine-text-to-video",
            "grok-imagine-text-to-video does text-to-video, not image-to-video: did you mean "
            "model='grok-imagine-image-to-video'? (kling-video-o1-pro, kling-video-o1-std and veo3.1-fast can as well)",
        ),
        (
            "reference-to-video",
            "veo3",
            "veo3 does text-to-video and image-to-video, not reference-to-video: did you mean model='veo3.1'? "
            "(veo3.1-fast, kling-video-o1-pro and kling-video-o1-std can as well)",
        ),
        (
            "start-end-to-video",
            "kling-v2.6-std",
            "kling-v2.6-std does text-to-video and image-to-video, not start-end-to-video: did you mean "
            "model='kling-v3.0-std'? (kling-video-o1-pro, kling-video-o1-std and kling-3.0-video can as well)",
        ),
        (
            "video-to-video",
            "sora-2",
            "sora-2 does text-to-video and image-to-video, not video-to-video: did you mean "
            "model='kling-video-o1-pro'? (kling-video-o1-std, grok-imagine-upscale and topaz-video-upscale can as "
            "well)",
        ),
        (
            "motion-control",
            "kling-video-o1-pro",
            "kling-video-o1-pro does text-to-video, image-to-video, reference-to-video, start-end-to-video and "
            "video-to-video, not motion-control: did you mean model='kling-3.0-motion-control'?",
        ),
    ],
)
def test_check_unsupported_operation_is_an_error_with_able_models(operation: str, model: str, sentence: str) -> None:
    assert error(**{**OF[operation], "model": model}) == sentence


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("duration", -2, "duration must be -1 to 60 seconds, not -2: did you mean -1?"),
        ("duration", 61, "duration must be -1 to 60 seconds, not 61: did you mean 60?"),
        ("fps", 121, "fps must be 1 to 120, not 121: did you mean 120?"),
        ("cfg_scale", 30.5, "cfg_scale must be 0 to 30, not 30.5: did you mean 30?"),
        ("motion_strength", -1, "motion_strength must be 0 to 100, not -1: did you mean 0?"),
        (
            "resolution",
            "1080",
            "resolution must be one of 360p, 480p, 540p, 720p, 768p, 1080p, 4k, not '1080': did you mean '1080p'?",
        ),
        (
            "aspect_ratio",
            "16x9",
            "aspect_ratio must be one of 16:9, 9:16, 1:1, 4:3, 3:4, 21:9, adaptive, not '16x9': did you mean '16:9'?",
        ),
    ],
)
def test_check_value_out_of_range_is_an_error(name: str, value: Any, sentence: str) -> None:
    assert error(**{**OF["text-to-video"], name: value}) == sentence


# --- inputs that do not belong together


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"model": "sora-2", "operation": "text-to-video", "prompt": "x", "image_url": IMAGE},
            "sora-2: text-to-video has no use for image_url: did you mean operation='image-to-video'?",
        ),
        (
            {"model": "grok-imagine-text-to-video", "prompt": "x", "video_url": VIDEO},
            "grok-imagine-text-to-video: text-to-video has no use for video_url: did you mean "
            "model='grok-imagine-upscale', operation='video-to-video'? (kling-video-o1-pro, kling-video-o1-std and "
            "topaz-video-upscale can as well)",
        ),
        (
            {"model": "kling-video-o1-pro", "image_url": IMAGE, "video_url": VIDEO},
            "kling-video-o1-pro: video-to-video has no use for image_url: did you mean "
            "model='kling-3.0-motion-control', operation='motion-control'?",
        ),
        (
            {"model": "sora-2", "prompt": "x", "reference_image_type": "style", "image_url": IMAGE},
            "sora-2: image-to-video has no use for reference_image_type. sora-2 does text-to-video and image-to-video.",
        ),
    ],
)
def test_check_surplus_input_is_an_error_with_what_it_fits(fields: dict[str, Any], sentence: str) -> None:
    assert error(**fields) == sentence


def test_check_inferred_operation_unsupported_is_an_error() -> None:
    assert error(model="viduq2-pro", prompt="x") == (
        "viduq2-pro does image-to-video, reference-to-video and start-end-to-video, not text-to-video (which is what "
        "a prompt alone would mean): did you mean model='viduq3-pro'? (viduq3-turbo, viduq2 and kling-video-o1-pro can "
        "as well)"
    )


def test_check_ambiguous_operation_is_an_error_with_the_candidates() -> None:
    assert error(model="kling-3.0-video", prompt="x", start_image=IMAGE) == (
        "kling-3.0-video: which operation is meant is unclear from prompt and start_image alone: name it. It does "
        "text-to-video (prompt); image-to-video (image_url or image or image_urls); start-end-to-video (start_image "
        "and end_image)."
    )
    assert "is unclear from nothing. It does text-to-video" in error(model="sora-2", duration=4)


def test_check_operation_without_any_model_is_an_error() -> None:
    assert error(model="sora-2", operation="video-extension", prompt="x", video_url=VIDEO).startswith("sora-2 does")
    extension = error(model="wan-2.6", operation="audio-to-video", audio_url=AUDIO)
    assert extension == (
        "wan-2.6 does text-to-video, image-to-video and reference-to-video, not audio-to-video, and no model that is "
        "known here does audio-to-video."
    )


def test_check_audio_url_with_any_operation_finds_nothing() -> None:
    for example in EXAMPLES:
        assert check({**example, "audio_url": AUDIO}, CATALOG) == NOTHING


def test_check_unknown_field_leaves_the_operation_open() -> None:
    assert check({"model": "viduq2-pro", "prompt": "x", "mesh_url": IMAGE}, CATALOG) == NOTHING


# --- models that are not known, or not wholly


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "x"},
        {"operation": "video-extension", "video_url": VIDEO},
        {"operation": "image-to-video", "prompt": "x"},
        {"start_image": IMAGE},
        {"output_audio": True, "prompt": "x"},
    ],
)
def test_check_unknown_model_is_one_warning(fields: dict[str, Any]) -> None:
    found = check({"model": "sora2", **fields}, CATALOG)
    assert (found.errors, found.media_warnings) == ((), ())
    assert found.warnings == (
        "The model 'sora2' is not known here, so that its operation and inputs are not checked. Did you mean 'sora-2'?",
    )


def test_check_model_without_operations_finds_nothing() -> None:
    catalog = Catalog([CatalogModel("new-1", "New", ())])
    assert check({"model": "new-1", "operation": "motion-control", "prompt": "x"}, catalog) == NOTHING


def test_check_operation_only_in_the_data_file_is_an_error() -> None:
    catalog = Catalog([CatalogModel("new-1", "New", ("lip-sync", "text-to-video"))])
    found = check({"model": "new-1", "operation": "lip-sync", "video_url": VIDEO}, catalog)
    assert [sentence[:25] for sentence in found.errors] == ["operation must be one of "]


# --- warnings


def test_check_output_audio_without_stable_toggle_is_a_warning() -> None:
    for value in (True, False):
        (warning,) = check({**OF["text-to-video"], "output_audio": value}, CATALOG).warnings
        assert warning.startswith(
            "sora-2 has no stable audio toggle: output_audio may be ignored. These have one: veo3"
        )
    assert check({**OF["reference-to-video"], "output_audio": False}, CATALOG) == NOTHING


def test_check_media_url_over_http_local_or_inline_is_a_warning() -> None:
    found = check({**OF["image-to-video"], "image_url": "http://x.example/a.png"}, CATALOG)
    assert (found.errors, len(found.warnings), found.media_warnings) == ((), 1, ())
    for url in ("http://127.0.0.1:8000/a.png", "data:image/png;base64,AAAA"):
        found = check({**OF["image-to-video"], "image_url": url}, CATALOG)
        assert (found.errors, found.warnings, len(found.media_warnings)) == ((), (), 1)


def test_check_image_url_and_image_is_a_warning() -> None:
    found = check({**OF["image-to-video"], "image": "data:image/png;base64,AAAA"}, CATALOG)
    assert found.errors == ()
    assert found.warnings == ("image_url and image were both given, and one image is used: leave one of them out.",)
