from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lemondata_provider.sandbox.orders import take_order
from lemondata_provider.sandbox.pictures import cover, landscape, mix, slideshow
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.sizes import size_of

SIZE = (160, 90)


def plain(colour: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("resolution", "ratio", "scale_down", "size"),
    [
        (None, None, 4, (320, 180)),
        ("1080p", "16:9", 4, (480, 270)),
        ("4k", "16:9", 4, (960, 540)),
        ("720p", "9:16", 4, (180, 320)),
        ("720p", "1:1", 4, (180, 180)),
        ("720p", "4:3", 4, (240, 180)),
        ("720p", "3:4", 4, (180, 240)),
        ("1080p", "16:9", 1, (1920, 1080)),
        ("4k", "16:9", 1, (3840, 2160)),
        ("720p", "16:9", 1000, (16, 16)),
    ],
)
def test_size_of_resolution_and_ratio_set_the_size(resolution, ratio, scale_down, size):
    order = take_order({"prompt": "x", "resolution": resolution, "aspect_ratio": ratio}, Settings())
    assert size_of(order, Settings(scale_down=scale_down)) == size


@pytest.mark.parametrize("scale_down", range(1, 12))
def test_size_of_any_scale_down_is_even(scale_down):
    for ratio in ("16:9", "9:16", "1:1", "4:3", "3:4"):
        order = take_order({"prompt": "x", "aspect_ratio": ratio}, Settings())
        assert all(side % 2 == 0 for side in size_of(order, Settings(scale_down=scale_down)))


def test_landscape_same_prompt_and_seed_is_the_same():
    first, again, seeded, other = (
        list(landscape(prompt, seed, SIZE, 3)) for prompt, seed in (("a", 0), ("a", 0), ("a", 1), ("b", 0))
    )
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert np.abs(first[0].astype(int) - seeded[0]).mean() > 5
    assert np.abs(first[0].astype(int) - other[0]).mean() > 5


def test_landscape_consecutive_frames_differ():
    frames = list(landscape("a", 0, SIZE, 6))
    assert all(not np.array_equal(one, two) for one, two in pairwise(frames))


def test_slideshow_several_pictures_goes_from_the_first_to_the_last():
    frames = list(slideshow([plain(10), plain(100), plain(200)], "x", SIZE, 9))
    levels = [float(frame.mean()) for frame in frames]
    assert levels == sorted(levels)
    assert (levels[0], levels[4], levels[8]) == pytest.approx((10, 100, 200), abs=2)


def test_pictures_count_one_yield_one_frame():
    assert len(list(slideshow([plain(10)], "x", SIZE, 1))) == len(list(landscape("x", 0, SIZE, 1))) == 1


@pytest.mark.parametrize("size", [(20, 300), (300, 20), (7, 5), (1000, 1000)])
def test_cover_any_shape_fills_the_size(size):
    assert cover(plain(50, size), SIZE).shape == (90, 160, 3)


def test_mix_share_is_the_weighted_mean():
    assert mix(plain(0), plain(200), 0.25).mean() == 50
