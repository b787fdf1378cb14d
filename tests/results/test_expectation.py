"""Whether a stored video is what was asked for, decided without any file."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lemondata_provider.api.errors import InvalidRequestError, OutputMismatchError
from lemondata_provider.results.expectation import Expectation
from lemondata_provider.results.outputs import Output
from lemondata_provider.results.requirements import PARSERS

URI = "s3://clips/clip.mp4"
CLIP = Output(URI, 10, "aa", "mp4", 4.0, 320, 180, True)
SILENT = Output(URI, 10, "aa", "webm", 4.0, 180, 320, False)
UNKNOWN = Output(URI, 10, "aa", "webm")


def sized(width: int, height: int) -> Output:
    return Output(URI, 10, "aa", "mp4", 4.0, width, height, True)


def differences(expect: Any, output: Output, **request: Any) -> list[str]:
    expectation = Expectation.parse(expect)
    assert expectation is not None
    return expectation.mismatches(output, request)


# --- a dict of facts


@pytest.mark.parametrize(
    ("expect", "output"),
    [
        ({"duration": 4}, CLIP),
        ({"duration": 3.5}, CLIP),
        ({"duration": 4.5}, CLIP),
        ({"duration": (4, 4)}, CLIP),
        ({"duration": [0, 10.5]}, CLIP),
        ({"width": 320, "height": 180}, CLIP),
        ({"min_width": 320, "min_height": 180}, CLIP),
        ({"min_width": 1, "min_height": 1}, CLIP),
        ({"audio": True, "container": "mp4"}, CLIP),
        ({"audio": False, "container": "webm"}, SILENT),
        ({"aspect_ratio": "16:9"}, CLIP),
        ({"aspect_ratio": "9:16"}, SILENT),
        ({"aspect_ratio": "16:9"}, sized(832, 480)),
        ({"aspect_ratio": "4:3"}, sized(1120, 832)),
    ],
)
def test_mismatches_video_as_expected_are_none(expect: Any, output: Output) -> None:
    assert differences(expect, output) == []


@pytest.mark.parametrize(
    ("expect", "output", "sentence"),
    [
        ({"duration": 3}, CLIP, "duration is 4.0 s, and 2.5 to 3.5 s were expected"),
        ({"duration": 4.75}, CLIP, "duration is 4.0 s, and 4.25 to 5.25 s were expected"),
        ({"duration": (4.5, 6)}, CLIP, "duration is 4.0 s, and 4.5 to 6 s were expected"),
        ({"width": 321}, CLIP, "width is 320 pixels, and 321 pixels were expected"),
        ({"height": 179}, CLIP, "height is 180 pixels, and 179 pixels were expected"),
        ({"min_width": 321}, CLIP, "width is 320 pixels, and at least 321 pixels were expected"),
        ({"min_height": 720}, CLIP, "height is 180 pixels, and at least 720 pixels were expected"),
        ({"audio": False}, CLIP, "audio is True, and False was expected"),
        ({"audio": True}, SILENT, "audio is False, and True was expected"),
        ({"container": "mp4"}, SILENT, "container is webm, and mp4 was expected"),
        ({"aspect_ratio": "9:16"}, CLIP, "aspect_ratio is 320:180, and 9:16 was expected"),
        ({"aspect_ratio": "1:1"}, sized(720, 696), "aspect_ratio is 720:696, and 1:1 was expected"),
    ],
)
def test_mismatches_other_video_are_one_sentence_each(expect: Any, output: Output, sentence: str) -> None:
    assert differences(expect, output) == [sentence]


def test_mismatches_several_differences_are_all_named_in_order() -> None:
    found = differences({"duration": 9, "audio": True, "container": "mp4"}, SILENT)
    assert [sentence.partition(" ")[0] for sentence in found] == ["duration", "audio", "container"]


@pytest.mark.parametrize("name", sorted(set(PARSERS) - {"container"}))
def test_mismatches_fact_that_the_file_does_not_tell_is_logged_and_none(name: str, caplog: Any) -> None:
    values = {"duration": 4, "audio": True, "aspect_ratio": "16:9"}
    with caplog.at_level(logging.WARNING):
        assert differences({name: values.get(name, 720)}, UNKNOWN) == []
    assert f"{URI} does not tell its {name.removeprefix('min_')}" in caplog.text


# --- the request


@pytest.mark.parametrize(
    ("request_fields", "output"),
    [
        ({}, CLIP),
        ({"duration": 4}, CLIP),
        ({"duration": -1}, CLIP),
        ({"duration": 0}, CLIP),
        ({"duration": 2, "operation": "video-extension"}, CLIP),
        ({"aspect_ratio": "16:9"}, CLIP),
        ({"aspect_ratio": "adaptive"}, SILENT),
        ({"output_audio": True}, CLIP),
        ({"output_audio": False}, SILENT),
        ({"resolution": "720p"}, sized(1280, 720)),
        ({"resolution": "720P"}, sized(720, 1280)),
        ({"resolution": "720p"}, sized(1248, 704)),
        ({"resolution": "720p", "aspect_ratio": "21:9"}, sized(1504, 640)),
        ({"resolution": "720p", "aspect_ratio": "1:1"}, sized(720, 720)),
        ({"resolution": "720p"}, sized(3840, 2160)),
        ({"resolution": "4k"}, sized(3840, 2160)),
        ({"resolution": "best"}, CLIP),
    ],
)
def test_mismatches_of_request_video_as_requested_are_none(request_fields: dict[str, Any], output: Output) -> None:
    assert differences("request", output, **request_fields) == []


@pytest.mark.parametrize(
    ("request_fields", "output", "sentence"),
    [
        ({"duration": 8}, CLIP, "duration is 4.0 s, and 7.5 to 8.5 s were expected"),
        ({"duration": 8, "operation": "video-extension"}, CLIP, "duration is 4.0 s, and at least 7.5 s were expected"),
        ({"resolution": "720p"}, CLIP, "resolution is 320x180, and 720p was expected"),
        ({"resolution": "768p"}, sized(1280, 720), "resolution is 1280x720, and 768p was expected"),
        ({"resolution": "540p"}, sized(480, 854), "resolution is 480x854, and 540p was expected"),
        ({"resolution": "4K"}, sized(1920, 1080), "resolution is 1920x1080, and 4k was expected"),
        ({"aspect_ratio": "9:16"}, CLIP, "aspect_ratio is 320:180, and 9:16 was expected"),
        ({"output_audio": False}, CLIP, "audio is True, and False was expected"),
        ({"output_audio": True}, SILENT, "audio is False, and True was expected"),
    ],
)
def test_mismatches_of_request_other_video_are_one_sentence_each(
    request_fields: dict[str, Any], output: Output, sentence: str
) -> None:
    assert differences("request", output, **request_fields) == [sentence]


def test_mismatches_dict_of_facts_ignores_the_request() -> None:
    assert differences({"container": "mp4"}, CLIP, duration=8, resolution="4k") == []


# --- what is refused when the operator is built


def test_parse_nothing_expects_nothing() -> None:
    assert Expectation.parse(None) is None


@pytest.mark.parametrize("expect", [{}, [], True, "requests", "{{ params.expect }}", ("duration", 4), object()])
def test_parse_no_dict_of_facts_is_refused_with_all_keys(expect: Any) -> None:
    with pytest.raises(InvalidRequestError, match=rf"expect must be 'request' or a dict of {', '.join(PARSERS)}, not"):
        Expectation.parse(expect)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"hight": 720}, "did you mean 'height'"),
        ({7: 720}, "expect takes duration, .*, not '7'"),
        ({"duration": "4"}, r"expect\['duration'\] must be a number of seconds, or \(min, max\).*, not '4'"),
        ({"duration": "{{ params.s }}"}, "templates are not supported"),
        ({"duration": True}, "number of seconds"),
        ({"duration": -1}, "number of seconds"),
        ({"duration": (5, 4)}, "number of seconds"),
        ({"duration": (3, 4, 5)}, "number of seconds"),
        ({"duration": float("nan")}, "number of seconds"),
        ({"duration": (0, float("inf"))}, "number of seconds"),
        ({"min_height": "720p"}, r"expect\['min_height'\] must be a whole number of pixels above 0, not '720p'"),
        ({"width": 0}, "whole number of pixels"),
        ({"width": True}, "whole number of pixels"),
        ({"height": 720.5}, "whole number of pixels"),
        ({"audio": "yes"}, r"expect\['audio'\] must be True or False, not 'yes'"),
        ({"audio": None}, "must be True or False"),
        ({"container": "avi"}, "must be one of mp4, mov, webm, matroska, not 'avi'"),
        ({"container": ["mp4"]}, "must be one of"),
        ({"aspect_ratio": "wide"}, "must be a text such as '16:9', not 'wide'"),
        ({"aspect_ratio": "16:0"}, "must be a text such as"),
        ({"aspect_ratio": 1.78}, "must be a text such as"),
    ],
)
def test_parse_bad_fact_is_refused_by_name(expect: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        Expectation.parse(expect)


def test_parse_unknown_on_mismatch_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="on_mismatch must be one of warn, fail, not 'skip'"):
        Expectation.parse(None, "skip")


# --- what follows


def test_enforce_mismatch_fails_for_good_and_says_what_to_do() -> None:
    expectation = Expectation.parse({"audio": False}, "fail")
    assert expectation is not None
    second = Output("s3://clips/clip-2.mp4", 10, audio=False)
    with pytest.raises(OutputMismatchError) as raised:
        expectation.enforce([CLIP, second], {}, task_id="t1", poll_url="/v1/tasks/t1")
    error = raised.value
    assert error.final
    assert (error.task_id, error.poll_url) == ("t1", "/v1/tasks/t1")
    assert f"{URI} is not what was asked for: audio is True, and False was expected. The file is kept" in str(error)
    assert "paid for" in str(error)
    assert second.uri not in str(error)


def test_enforce_mismatch_with_warn_is_logged_only(caplog: Any) -> None:
    expectation = Expectation.parse("request", "warn")
    assert expectation is not None
    expectation.enforce([CLIP], {"duration": 8})
    assert "duration is 4.0 s" in caplog.text


def test_enforce_video_as_expected_does_nothing(caplog: Any) -> None:
    expectation = Expectation.parse({"audio": True})
    assert expectation is not None
    expectation.enforce([CLIP], {})
    assert not caplog.records
