from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.request import MEDIA_FIELDS, REQUEST_FIELDS, Operation, VideoRequest

URL = "https://cdn.test/a.png?sig=1%2F2"
PAYLOAD = "iVBORw0KGgoAAAANSUhEUgAAAAUA"
PNG = f"data:image/png;base64,{PAYLOAD}"


class NotJson:
    def __repr__(self) -> str:
        return "NotJson()"


NO_JSON = NotJson()  # its name is the same in every process, as names of tests have to be

URL_FIELDS = ["image_url", "start_image", "end_image", "video_url", "audio_url"]
TEXT_FIELDS = ["model", "prompt", "aspect_ratio", "resolution", "negative_prompt", "user"]
WHOLE_FIELDS = ["duration", "fps", "seed"]
NUMBER_FIELDS = ["cfg_scale", "motion_strength"]


def body(**fields: Any) -> dict[str, Any]:
    return VideoRequest.checked(**{"model": "sora-2", "prompt": "a cat", **fields}).body()


def refusal(**fields: Any) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.checked(**{"model": "sora-2", **fields})
    return str(caught.value)


# --- what is sent


def test_body_fields_not_given_are_left_out() -> None:
    assert body() == {"model": "sora-2", "prompt": "a cat"}
    assert body(**dict.fromkeys(set(REQUEST_FIELDS) - {"model", "prompt"})) == {"model": "sora-2", "prompt": "a cat"}


def test_body_every_field_has_its_own_name() -> None:
    given = {
        "model": "kling-2",
        "prompt": " a cat\n",
        "operation": "image-to-video",
        "image_url": URL,
        "image": PNG,
        "image_urls": [URL],
        "reference_images": [URL, PNG],
        "reference_image_type": "style",
        "start_image": URL,
        "end_image": PNG,
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


@pytest.mark.parametrize("url", [URL, "http://localhost:8080/a.png", "HTTPS://CDN.test/a.png", PNG, PNG.upper()])
@pytest.mark.parametrize("name", URL_FIELDS)
def test_media_public_or_data_url_is_accepted(name: str, url: str) -> None:
    assert VideoRequest.checked(model="sora-2", **{name: f" {url}\n"}).body()[name].strip() == url


@pytest.mark.parametrize("name", [*URL_FIELDS, "image"])
def test_media_white_space_around_it_is_not_sent(name: str) -> None:
    assert VideoRequest.checked(model="sora-2", **{name: f" {PNG}\n"}).body()[name] == PNG


@pytest.mark.parametrize("images", [[URL], (URL, PNG), [f" {URL}\n"]])
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
    value = [URL] if name in LISTS else PNG if name == "image" else URL
    assert VideoRequest.checked(model="sora-2", **{name: value}).body() == {"model": "sora-2", name: value}


def test_video_request_assigning_a_field_raises() -> None:
    with pytest.raises(ValidationError):
        VideoRequest.checked(model="sora-2", prompt="a cat").prompt = "a dog"  # type: ignore[misc] # it is refused: that is the test


# --- what is refused


@pytest.mark.parametrize(
    "fields", [{}, {"duration": 5, "operation": "text-to-video"}, {"negative_prompt": "dogs"}, {"extra_params": {}}]
)
def test_prompt_missing_without_media_is_refused(fields: dict[str, Any]) -> None:
    message = refusal(**fields)
    assert "prompt" in message
    assert all(name in message for name in MEDIA_FIELDS)


LISTS = [name for name in MEDIA_FIELDS if name.endswith("s")]
NO_URL = ["", "  ", "ftp://cdn.test/a.png", "s3://bucket/a.png", "file:///a.png", "//cdn.test/a.png", "a.png", "/a.png"]
NO_URL += ["https://", "https:///a.png", "http:a.png", "http://[::1", "javascript:alert(1)", "data", "data:image/png"]
NO_NUMBER = ["five", "", " ", "5s", "0x10", "nan", "inf", "1e999", "+-5", "--5", "9" * 5000, True, False, [5], {}, b"5"]
NO_NUMBER += [float("nan"), float("inf")]


def each(names: list[str], wrong: Iterable[object], words: str = "") -> list[tuple[str, object, str]]:
    return [(name, value, words) for name in names for value in wrong]


BAD = [
    *each(URL_FIELDS, NO_URL),
    *each(URL_FIELDS, (5, True, [URL], {"url": URL}, b"https://cdn.test/a.png")),
    *each(["image"], ("", " ", "a.png", PAYLOAD, "database", "data:", f"data:{PAYLOAD}", 5, [PNG])),
    *each(["reference_images"], (URL, [], (), {}, 5, True, [None], [URL, None], [""], [5], [[URL]])),
    *each(["reference_images"], ([URL, url] for url in NO_URL)),
    *each(["reference_image_type"], ("", 5, ["style"])),
    *each(["operation"], ("", 5, True, ["text-to-video"])),
    *each(TEXT_FIELDS, ("", " \n", 5, True, ["x"], {}, b"x", 1.5)),
    *each(["model"], (None,)),
    *each(WHOLE_FIELDS, (5.5, "5.5", -0.1), "whole number"),
    *each(["output_audio"], ("yes", "", "0", 0, 1, 1.0, [], {}), "true or false"),
    *each(["extra_params"], ("{}", [], 5, True, {"x": NO_JSON}, {"x": {1, 2}}, {5: 6})),
    *each(["extra_params"], ({"x": wrong} for wrong in (float("nan"), [float("inf")], {"y": -float("inf")}))),
    *each(["extra_params"], ({"prompt": "a dog"},), "prompt"),
    *each(["extra_params"], ({"extra_params": {}},), "extra_params"),
    *each([*WHOLE_FIELDS, *NUMBER_FIELDS], NO_NUMBER, "must be a"),
    *each(NUMBER_FIELDS, (10**400,), "must be a"),
]


@pytest.mark.parametrize(("name", "wrong", "words"), BAD, ids=lambda value: repr(value)[:40])
def test_checked_bad_value_names_the_field_in_one_sentence(name: str, wrong: object, words: str) -> None:
    message = refusal(**{"prompt": "a cat", name: wrong})
    assert name in message.split()[:5]
    assert words in message
    assert "\n" not in message
    assert len(message) < 400
    for jargon in ("Value error", "pydantic", "Input should", "validation error", "int()", "sys.set_int"):
        assert jargon not in message


def test_checked_long_bad_value_is_quoted_shortened() -> None:
    assert refusal(prompt="a cat", duration="five") == "duration must be a number, not 'five'"
    assert len(refusal(prompt="a cat", duration="x" * 10_000)) < 400


def test_checked_several_bad_values_names_all() -> None:
    message = refusal(prompt="a cat", duration="five", operation=5, image_url="a.png")
    assert [part.split()[0] for part in message.split("; ")] == ["operation", "image_url", "duration"]


@pytest.mark.parametrize("name", ["promt", "outputAudio", "webhook_url"])
def test_checked_unknown_field_is_refused(name: str) -> None:
    assert refusal(prompt="a cat", **{name: "x"}) == f"{name} is no field of a video request"


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": PNG},
        {"prompt": [PNG]},
        {"image_url": [PNG]},
        {"image_url": f"see {PNG}"},
        {"image": {"url": PNG}},
        {"image": f"'{PNG}'"},
        {"image": f"data:image/png;base64{PAYLOAD}"},
        {"reference_images": [f"{PNG}", 5]},
        {"reference_images": PNG},
        {"extra_params": {"x": NO_JSON, "image": PNG}},
        {"extra_params": [PNG]},
        {PNG: "x"},
    ],
)
def test_checked_bad_value_with_media_does_not_show_it(fields: dict[str, Any], everything_shown: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.checked(**{"model": "sora-2", **fields})
    assert PAYLOAD not in everything_shown(caught.value)
    assert caught.value.__cause__ is None


def test_checked_bad_value_with_media_shows_its_size() -> None:
    assert "…(21 bytes, sha256 " in refusal(duration=PNG)
    assert refusal(duration=PNG).count("sha256") == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
HOSTILE = st.sampled_from(
    [PNG, URL, "http://[::1", "data:", "1e999", "+-5", "²", "٣", "\uff11", 10**400, "text-to-video"]
)


@given(fields=st.dictionaries(st.sampled_from(REQUEST_FIELDS), ANY | HOSTILE, max_size=5))
@settings(deadline=None, max_examples=100)
def test_checked_any_fields_are_refused_or_json_serializable(fields: dict[str, Any]) -> None:
    try:
        request = VideoRequest.checked(**{"model": "sora-2", **fields})
    except InvalidRequestError as error:
        assert str(error)  # noqa: PT017  # either outcome is right, but no other error
    else:
        assert json.dumps(request.body(), allow_nan=False)


def test_video_request_repr_shows_no_media() -> None:
    request = VideoRequest.checked(model="sora-2", prompt="a cat", image=PNG)
    assert PAYLOAD not in repr(request) + str(request)
    assert "a cat" in repr(request)


def test_extra_params_with_named_field_equals_the_field() -> None:
    named = VideoRequest.checked(model="veo3.1", prompt="x", duration=5)
    assert VideoRequest.checked(model="veo3.1", prompt="x", extra_params={"duration": "5"}) == named
    assert VideoRequest.checked(model="veo3.1", prompt="x", duration=5, extra_params={"duration": 5}) == named


def test_extra_params_with_bad_named_field_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="seed must be a number, not 'x'"):
        VideoRequest.checked(model="veo3.1", prompt="x", extra_params={"seed": "x"})


def test_model_missing_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="model must be given"):
        VideoRequest.checked(prompt="a cat")


def test_source_task_id_is_sent_as_task_id() -> None:
    expected = {"model": "veo3.1", "task_id": "ldtask_1"}
    assert VideoRequest.checked(model="veo3.1", source_task_id="ldtask_1").body() == expected
    assert VideoRequest.checked(model="veo3.1", extra_params={"task_id": "ldtask_1"}).body() == expected


@pytest.mark.parametrize("name", ["image", "start_image", "reference_images"])
def test_media_asset_or_https_url_is_sent_in_every_field(name: str) -> None:
    for url in ("asset://asset-1", "https://cdn.test/a.png"):
        value = [url] if name in LISTS else url
        assert VideoRequest.checked(model="seedance-2.0", **{name: value}).body()[name] == value
