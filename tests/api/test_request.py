"""What a video request sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lemondata_provider.api.request import MEDIA_FIELDS, REQUEST_FIELDS, Operation, VideoRequest
from tests.api.doubles import DATA_URL, PAYLOAD
from tests.api.request_fields import LISTS, NUMBER_FIELDS, URL, URL_FIELDS, WHOLE_FIELDS


def body(**fields: Any) -> dict[str, Any]:
    return VideoRequest.checked(**{"model": "sora-2", "prompt": "a cat", **fields}).body()


def test_body_fields_not_given_are_left_out() -> None:
    assert body() == {"model": "sora-2", "prompt": "a cat"}
    assert body(**dict.fromkeys(set(REQUEST_FIELDS) - {"model", "prompt"})) == {"model": "sora-2", "prompt": "a cat"}


def test_body_every_field_has_its_own_name() -> None:
    given = {
        "model": "kling-2",
        "prompt": " a cat\n",
        "operation": "image-to-video",
        "image_url": URL,
        "image": DATA_URL,
        "image_urls": [URL],
        "reference_images": [URL, DATA_URL],
        "reference_image_type": "style",
        "start_image": URL,
        "end_image": DATA_URL,
        "video_url": URL,
        "video_urls": [URL],
        "audio_url": URL,
        "audio_urls": [URL],
        "kling_elements": [{"name": "cat", "element_input_urls": [URL, URL]}],
        "watermark": False,
        "return_last_frame": True,
        "output_audio": True,
        "duration": 5,
        "aspect_ratio": "16:9",
        "resolution": "720p",
        "fps": 24,
        "negative_prompt": "dogs",
        "seed": 7,
        "cfg_scale": 7.5,
        "motion_strength": 0.5,
        "user": "me",
    }
    assert set(given) == set(REQUEST_FIELDS) - {"extra_params", "source_task_id"}
    assert body(**given) == given
    assert json.loads(json.dumps(body(**given))) == given


@pytest.mark.parametrize(
    ("value", "sent"), [(False, False), (True, True), ("False", False), (" true ", True), ("TRUE", True)]
)
def test_output_audio_false_is_sent(value: object, sent: bool) -> None:
    assert body(output_audio=value)["output_audio"] is sent


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("5", 5), (" 5 ", 5), ("+5", 5), ("-5", -5), (5.0, 5), ("5.0", 5), ("5e1", 50)]
)
@pytest.mark.parametrize("name", WHOLE_FIELDS)
def test_whole_number_as_text_becomes_a_number(name: str, value: object, number: int) -> None:
    sent = body(**{name: value})[name]
    assert (sent, type(sent)) == (number, int)


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), ("0.5", 0.5), (" 7 ", 7.0), ("1e-1", 0.1), (0, 0.0)])
@pytest.mark.parametrize("name", NUMBER_FIELDS)
def test_number_as_text_becomes_a_number(name: str, value: object, number: float) -> None:
    assert body(**{name: value})[name] == number


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1, 10**30 + 7, -(2**53) - 1, 0])
def test_seed_large_is_sent_exactly(seed: int) -> None:
    assert body(seed=seed)["seed"] == seed
    assert body(seed=str(seed))["seed"] == seed
    assert body(seed=f" {seed}\n")["seed"] == seed


@given(seed=st.integers())
def test_seed_any_number_as_text_is_sent_exactly(seed: int) -> None:
    assert body(seed=str(seed))["seed"] == seed


@pytest.mark.parametrize("operation", [*Operation, *(operation.value for operation in Operation)])
def test_operation_enum_or_text_is_sent_as_text(operation: str) -> None:
    sent = body(operation=operation)["operation"]
    assert (sent, type(sent)) == (Operation(operation).value, str)


def test_operation_unknown_word_is_sent() -> None:
    words = {"operation": "lip-sync", "reference_image_type": "subject"}
    assert {**body(**words), **words} == body(**words)


@pytest.mark.parametrize(
    "url", [URL, "http://localhost:8080/a.png", "HTTPS://CDN.test/a.png", DATA_URL, DATA_URL.upper()]
)
@pytest.mark.parametrize("name", URL_FIELDS)
def test_media_public_or_data_url_is_accepted(name: str, url: str) -> None:
    assert VideoRequest.checked(model="sora-2", **{name: f" {url}\n"}).body()[name].strip() == url


@pytest.mark.parametrize("name", [*URL_FIELDS, "image"])
def test_media_white_space_around_it_is_not_sent(name: str) -> None:
    assert VideoRequest.checked(model="sora-2", **{name: f" {DATA_URL}\n"}).body()[name] == DATA_URL


@pytest.mark.parametrize("images", [[URL], (URL, DATA_URL), [f" {URL}\n"]])
def test_reference_images_list_or_tuple_is_sent_as_a_list(images: Any) -> None:
    assert VideoRequest.checked(model="sora-2", reference_images=images).body()["reference_images"] == [
        one.strip() for one in images
    ]


def test_extra_params_given_are_sent() -> None:
    extra = {"camera": {"pan": [1, 2.5, None]}, "brand_new": True, "nothing": None}
    assert body(extra_params=extra) == {"model": "sora-2", "prompt": "a cat", **extra}
    assert body(extra_params={}) == body(extra_params=None) == body()


def test_extra_params_with_unknown_media_need_no_prompt() -> None:
    assert VideoRequest.checked(model="sora-2", extra_params={"mesh_url": URL}).body() == {
        "model": "sora-2",
        "mesh_url": URL,
    }


@pytest.mark.parametrize("name", MEDIA_FIELDS)
def test_prompt_missing_with_any_media_is_accepted(name: str) -> None:
    value = [URL] if name in LISTS else DATA_URL if name == "image" else URL
    assert VideoRequest.checked(model="sora-2", **{name: value}).body() == {"model": "sora-2", name: value}


STORED = ["s3://bucket/a.png", "s3://aws@bucket/day/a b?c#d.png", "gs://bucket/a.png", "abfs://azure@box/a.png"]
STORED += ["file:///srv/a.png", "file://localhost/srv/a.png", "/srv/a.png"]


@pytest.mark.parametrize("path", STORED)
@pytest.mark.parametrize("name", MEDIA_FIELDS)
def test_media_file_in_storage_is_accepted(name: str, path: str) -> None:
    value = [path] if name in LISTS else path
    assert VideoRequest.checked(model="sora-2", **{name: value}).fields()[name] == value
    assert VideoRequest.checked(model="sora-2", **{name: [f" {path}\n"] if name in LISTS else f" {path}\n"})


def test_video_request_repr_shows_no_signature() -> None:
    link = "https://cdn.test/a.png?page=1&X-Amz-Date=20261126T015757Z&X-Amz-Signature=0123456789abcdef"
    request = VideoRequest.checked(
        model="sora-2", image_url=link, image_urls=[link], extra_params={"mesh": {"u": link}}
    )
    assert "0123456789abcdef" not in repr(request) + str(request)
    assert repr(request).count("https://cdn.test/a.png?page=1&…") == 3


def test_video_request_assigning_a_field_raises() -> None:
    with pytest.raises(ValidationError):
        VideoRequest.checked(model="sora-2", prompt="a cat").prompt = "a dog"  # type: ignore[misc] # it is refused: that is the test


def test_video_request_repr_shows_no_media() -> None:
    request = VideoRequest.checked(model="sora-2", prompt="a cat", image=DATA_URL)
    assert PAYLOAD not in repr(request) + str(request)
    assert "a cat" in repr(request)


def test_extra_params_with_named_field_equals_the_field() -> None:
    named = VideoRequest.checked(model="veo3.1", prompt="x", duration=5)
    assert VideoRequest.checked(model="veo3.1", prompt="x", extra_params={"duration": "5"}) == named
    assert VideoRequest.checked(model="veo3.1", prompt="x", duration=5, extra_params={"duration": 5}) == named


def test_source_task_id_is_sent_as_task_id() -> None:
    expected = {"model": "veo3.1", "task_id": "ldtask_1"}
    assert VideoRequest.checked(model="veo3.1", source_task_id="ldtask_1").body() == expected
    assert VideoRequest.checked(model="veo3.1", extra_params={"task_id": "ldtask_1"}).body() == expected


@pytest.mark.parametrize("name", ["image", "start_image", "reference_images"])
def test_media_asset_or_https_url_is_sent_in_every_field(name: str) -> None:
    for url in ("asset://asset-1", "https://cdn.test/a.png"):
        value = [url] if name in LISTS else url
        assert VideoRequest.checked(model="seedance-2.0", **{name: value}).body()[name] == value
