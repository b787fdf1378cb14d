from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.catalog.checks import Findings, check
from tests.catalog.tables import CATALOG, IMAGE, OF, VIDEO

NOTHING = Findings()


def test_check_fields_known_later_are_not_checked() -> None:
    assert check({"prompt": "x", "operation": "motion-control"}, CATALOG, {"model"}) == NOTHING
    assert check({"model": "sora-2", "video_url": VIDEO}, CATALOG, {"operation"}) == NOTHING
    assert check({"model": "sora-2", "operation": "image-to-video"}, CATALOG, {"image_url"}) == NOTHING
    assert check({"model": "sora-2"}, CATALOG, {"prompt"}) == NOTHING
    assert check({"model": "sora-2", "prompt": "x"}, CATALOG, {"extra_params"}) == NOTHING
    assert check({"model": "topaz-video-upscale", "prompt": "x"}, CATALOG, {"video_url"}) == NOTHING


def test_check_fields_known_already_are_checked() -> None:
    assert check({"model": "sora-2", "operation": "motion-control"}, CATALOG, {"prompt", "image_url"}).errors
    assert check({"model": "topaz-video-upscale"}, CATALOG, {"prompt"}).errors
    assert check({"duration": 99}, CATALOG, {"model", "prompt"}).errors
    (said,) = check({"model": "sora-2", "operation": "text-to-video", "image_url": IMAGE}, CATALOG, {"prompt"}).errors
    assert said == "sora-2: text-to-video has no use for image_url. sora-2 does text-to-video and image-to-video."


@pytest.mark.parametrize("wrong", [5, ["sora-2"], {}, True, 1.5, b"x", ""])
def test_check_value_of_wrong_type_does_not_raise(wrong: Any) -> None:
    for name in ("model", "operation", "prompt", "image_url", "reference_images", "video_url"):
        assert isinstance(check({**OF["image-to-video"], name: wrong}, CATALOG), Findings)
