from __future__ import annotations

import base64
from typing import Any

import pytest

from lemondata_provider.catalog.values import MAX_ITEMS, RANGES, edition_warnings, wrong_values, wrong_words

MB = 1024 * 1024


def problems(**fields: Any) -> list[str]:
    return [*wrong_values(fields), *wrong_words(fields)]


def inline(size: int) -> str:
    return f"data:image/png;base64,{base64.b64encode(bytes(size)).decode()}"


@pytest.mark.parametrize(
    ("name", "spelled"), [("resolution", "4K"), ("resolution", " 1080P"), ("operation", "Text-To-Video")]
)
def test_wrong_words_other_case_is_accepted(name: str, spelled: str) -> None:
    assert problems(**{name: spelled}) == []


@pytest.mark.parametrize("name", RANGES)
def test_wrong_values_outside_the_range_is_a_problem(name: str) -> None:
    low, high, _ = RANGES[name]
    for fine in (low, high, str(low), f" {high} "):
        assert problems(**{name: fine}) == []
    assert problems(**{name: low - 1})[0].startswith(f"{name} must be {low} to {high}")
    assert problems(**{name: low - 1})[0].endswith(f"not {low - 1}: did you mean {low}?")
    assert problems(**{name: high + 1})[0].endswith(f"not {high + 1}: did you mean {high}?")


def test_ranges_each_field_is_the_widest_documented_one() -> None:
    bounds = {name: (low, high) for name, (low, high, _) in RANGES.items()}
    assert bounds == {"duration": (-1, 60), "fps": (1, 120), "cfg_scale": (0, 30), "motion_strength": (0, 100)}


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("resolution", "1080", "1080p"),
        ("aspect_ratio", "16x9", "16:9"),
        ("reference_image_type", "styles", "style"),
        ("operation", "text2video", "text-to-video"),
    ],
)
def test_wrong_words_misspelled_word_suggests_the_closest(name: str, given: str, meant: str) -> None:
    assert problems(**{name: meant}) == []
    (problem,) = problems(**{name: given})
    assert problem.startswith(f"{name} must be one of ")
    assert problem.endswith(f"not {given!r}: did you mean {meant!r}?")


def test_wrong_words_several_are_in_the_same_order_in_every_process() -> None:
    words = dict.fromkeys(["reference_image_type", "resolution", "aspect_ratio", "operation"], "x")
    order = [problem.partition(" ")[0] for problem in wrong_words(words)]
    assert order == ["operation", "aspect_ratio", "resolution", "reference_image_type"]


def test_wrong_words_no_close_match_suggests_nothing() -> None:
    assert problems(resolution="huge") == [
        "resolution must be one of 360p, 480p, 540p, 720p, 768p, 1080p, 4k, not 'huge'."
    ]


def test_wrong_values_list_over_maximum_is_a_problem() -> None:
    for name, maximum in MAX_ITEMS.items():
        assert problems(**{name: ["https://x.example/a.png"] * maximum}) == []
        expected = f"{name} takes at most {maximum} items, and {maximum + 1} were given."
        assert problems(**{name: ["https://x.example/a.png"] * (maximum + 1)}) == [expected]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("resolution", word) for word in ("360p", "480p", "540p", "768p")),
        *(("aspect_ratio", word) for word in ("21:9", "adaptive")),
        ("duration", -1),
        ("reference_images", ["https://x.example/a.png"] * 4),
        ("image", "https://x.example/a.png"),
    ],
)
def test_edition_warnings_value_of_some_editions_is_a_warning_and_no_problem(name: str, value: Any) -> None:
    assert problems(**{name: value}) == []
    assert len([*edition_warnings({name: value})]) == 1


def test_edition_warnings_value_of_all_editions_is_none() -> None:
    fields = {"resolution": "4K", "aspect_ratio": "16:9", "duration": 4, "image": "data:image/png;base64,AAAA"}
    assert [*edition_warnings(fields)] == []


@pytest.mark.parametrize(("name", "most"), [("image", 20), ("audio_url", 25)])
def test_wrong_values_inline_media_over_maximum_is_a_problem(name: str, most: int) -> None:
    assert problems(**{name: inline(most * MB)}) == []
    (problem,) = problems(**{name: inline(most * MB + MB)})
    assert problem.startswith(f"{name} holds {most + 1}.0 MB inline, and LemonData takes {most} MB")


def test_wrong_values_large_reference_image_is_a_problem() -> None:
    assert len(problems(reference_images=["https://x.example/a.png", inline(21 * MB)])) == 1


def test_wrong_values_encoded_inline_media_counts_decoded_bytes() -> None:
    wrapped = f"data:image/png;base64,{'A' * 76}\n" + f"{'A' * 76}\n" * 300_000
    assert len(wrapped) * 3 // 4 < 20 * MB < len(wrapped)
    assert problems(image=wrapped) == []
    assert problems(image="data:image/svg+xml," + "%41" * (19 * MB)) == []
    assert len(problems(image="data:image/svg+xml," + "%41" * (21 * MB))) == 1


@pytest.mark.parametrize("value", ["five", None, [5], {}, float("nan"), b"5"])
def test_wrong_values_value_of_wrong_type_is_left_to_the_request(value: Any) -> None:
    assert problems(duration=value, cfg_scale=value) == []
    assert problems(resolution=5, aspect_ratio=value if not isinstance(value, str) else None, image=5) == []


def test_wrong_values_long_text_is_shortened() -> None:
    assert all(len(problem) < 300 for problem in problems(resolution="x" * 10_000, duration="1" * 10_000))
