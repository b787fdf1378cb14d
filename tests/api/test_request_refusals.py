"""What a video request refuses, and how it says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.request import MEDIA_FIELDS, REQUEST_FIELDS, VideoRequest
from tests.api.doubles import DATA_URL, PAYLOAD
from tests.api.request_fields import NUMBER_FIELDS, TEXT_FIELDS, URL, URL_FIELDS, WHOLE_FIELDS


class NotJson:
    def __repr__(self) -> str:
        return "NotJson()"


NO_JSON = NotJson()  # its name is the same in every process, as names of tests have to be


def refusal(**fields: Any) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.checked(**{"model": "sora-2", **fields})
    return str(caught.value)


@pytest.mark.parametrize(
    "fields", [{}, {"duration": 5, "operation": "text-to-video"}, {"negative_prompt": "dogs"}, {"extra_params": {}}]
)
def test_prompt_missing_without_media_is_refused(fields: dict[str, Any]) -> None:
    message = refusal(**fields)
    assert "prompt" in message
    assert all(name in message for name in MEDIA_FIELDS)


NO_URL = ["", "  ", "ftp://cdn.test/a.png", "//cdn.test/a.png", "a.png", "./a.png", "~/a.png", "hdfs://bucket/a.png"]
NO_URL += ["s3://", "s3://bucket", "s3://bucket/", "s3:///a.png", "s3://bucket/day/", "s3:/bucket/a.png", "S3:a.png"]
NO_URL += ["/", "/day/", "file://host/a.png", "file:///", "gs://minio@/a.png"]
NO_URL += ["https://", "https:///a.png", "http:a.png", "http://[::1", "javascript:alert(1)", "data", "data:image/png"]
NO_NUMBER = ["five", "", " ", "5s", "0x10", "nan", "inf", "1e999", "+-5", "--5", "9" * 5000, True, False, [5], {}, b"5"]
NO_NUMBER += [float("nan"), float("inf")]


def each(names: list[str], wrong: Iterable[object], words: str = "") -> list[tuple[str, object, str]]:
    return [(name, value, words) for name in names for value in wrong]


BAD = [
    *each(URL_FIELDS, NO_URL),
    *each(URL_FIELDS, (5, True, [URL], {"url": URL}, b"https://cdn.test/a.png")),
    *each(["image"], ("", " ", "a.png", PAYLOAD, "database", "data:", f"data:{PAYLOAD}", 5, [DATA_URL])),
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
        {"duration": DATA_URL},
        {"prompt": [DATA_URL]},
        {"image_url": [DATA_URL]},
        {"image_url": f"see {DATA_URL}"},
        {"image": {"url": DATA_URL}},
        {"image": f"'{DATA_URL}'"},
        {"image": f"data:image/png;base64{PAYLOAD}"},
        {"reference_images": [f"{DATA_URL}", 5]},
        {"reference_images": DATA_URL},
        {"extra_params": {"x": NO_JSON, "image": DATA_URL}},
        {"extra_params": [DATA_URL]},
        {DATA_URL: "x"},
    ],
)
def test_checked_bad_value_with_media_does_not_show_it(fields: dict[str, Any], everything_shown: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.checked(**{"model": "sora-2", **fields})
    assert PAYLOAD not in everything_shown(caught.value)
    assert caught.value.__cause__ is None


def test_checked_bad_value_with_media_shows_its_size() -> None:
    assert "…(21 bytes, sha256 " in refusal(duration=DATA_URL)
    assert refusal(duration=DATA_URL).count("sha256") == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
HOSTILE = st.sampled_from(
    [DATA_URL, URL, "http://[::1", "data:", "1e999", "+-5", "²", "٣", "\uff11", 10**400, "text-to-video"]
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


def test_kling_elements_and_names_of_extra_params_that_no_json_holds_are_refused() -> None:
    assert (
        refusal(kling_elements=[{"x": float("nan")}]) == "kling_elements must be JSON, which has no NaN and no infinity"
    )
    assert "half of a surrogate pair" in refusal(extra_params={"x\ud83d": 1})


def test_extra_params_with_bad_named_field_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="seed must be a number, not 'x'"):
        VideoRequest.checked(model="veo3.1", prompt="x", extra_params={"seed": "x"})


def test_model_missing_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="model must be given"):
        VideoRequest.checked(prompt="a cat")
