from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.contract import check_contract, nearest
from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.models import Model
from lemondata_provider.api.request import VideoRequest

CONTRACT = {
    "supported_operations": ["text-to-video", "image-to-video"],
    "allowed_durations": [4, 8, 12],
    "allowed_resolutions": ["720p", "4K"],
    "allowed_aspect_ratios": ["16:9", "9:16"],
}


def checked(contract: dict[str, Any], **fields: Any) -> None:
    model = Model.read({"id": "m", "lemondata": {"public_contract": contract}})
    assert model is not None
    check_contract(VideoRequest.checked(model="m", prompt="a", **fields), model)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"duration": 7}, "duration 7 is not allowed (allowed: 4, 8, 12; nearest: 8)"),
        ({"duration": 6}, "nearest: 4)"),
        ({"resolution": "1080p"}, "resolution '1080p' is not allowed (allowed: 720p, 4K; nearest: '720p')"),
        ({"aspect_ratio": "9:15"}, "nearest: '9:16')"),
        (
            {"operation": "video-to-video", "video_url": "https://x.test/v"},
            "(allowed: text-to-video, image-to-video; nearest: 'image-to-video')",
        ),
        ({"duration": 7, "resolution": "1080p"}, "; resolution '1080p'"),
    ],
)
def test_check_contract_violation_names_allowed_and_nearest_values(fields, reason):
    with pytest.raises(InvalidRequestError) as caught:
        checked(CONTRACT, **fields)
    assert reason in str(caught.value)
    assert "Nothing was submitted." in str(caught.value)


@pytest.mark.parametrize(
    ("contract", "fields"),
    [
        (CONTRACT, {"duration": 8, "resolution": "4k", "aspect_ratio": "16:9", "operation": "text-to-video"}),
        (CONTRACT, {}),
        ({"allowed_durations": ["4", "8"]}, {"duration": 8}),
        ({"allowed_durations": []}, {"duration": 7}),
        ({"allowed_durations": {"min": 1, "max": 4}}, {"duration": 7}),
        ({"allowed_durations": [{"seconds": 4}]}, {"duration": 7}),
        ({}, {"duration": 7, "operation": "motion-control"}),
        ({"allowed_durations": ["4.0", 8.0]}, {"duration": 8}),
        *[
            ({"allowed_durations": choices}, {"duration": 7})
            for choices in (["4s", "8s"], ["4-12"], [4, "auto"], [4.5, 8], ["nan", "1e400"], [-1], [True], [None])
        ],
        *[
            ({"allowed_resolutions": choices}, {"resolution": "1080p"})
            for choices in (["auto"], ["720p", "Any"], ["1280x720"], [720])
        ],
        *[
            ({"allowed_aspect_ratios": choices}, {"aspect_ratio": "1:1"})
            for choices in (["16:9", "adaptive"], ["any"], ["landscape", "portrait"])
        ],
        *[
            ({"supported_operations": choices}, {"operation": "text-to-video"})
            for choices in (["text_to_video"], ["t2v"], ["any"], ["auto", "image-to-video"])
        ],
        ({"supported_operations": ["image-to-video", "text_to_video"]}, {"operation": "text-to-video"}),
    ],
)
def test_check_contract_allowed_or_unspecified_value_passes(contract, fields):
    checked(contract, **fields)


@pytest.mark.parametrize("choices", [["4", "8"], ["4.0", "8.0"], [4.0, 8.0]])
def test_check_contract_durations_in_any_spelling_are_whole_seconds(choices):
    with pytest.raises(InvalidRequestError, match=r"allowed: 4, 8; nearest: 8\)"):
        checked({"allowed_durations": choices}, duration=7)


def test_check_contract_unknown_operation_in_the_list_leaves_the_others():
    with pytest.raises(InvalidRequestError, match="operation 'text-to-video' is not allowed"):
        checked({"supported_operations": ["image-to-video", "dream"]}, operation="text-to-video")


def test_nearest_two_at_equal_distance_is_the_smaller():
    assert (nearest(6, [4, 8]), nearest(99, [4, 8]), nearest(7, ["a"])) == (4, 8, "a")
