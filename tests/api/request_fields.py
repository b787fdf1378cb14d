"""The fields of a video request by kind."""

from __future__ import annotations

from lemondata_provider.api.request import MEDIA_FIELDS

URL = "https://cdn.test/a.png?sig=1%2F2"
URL_FIELDS = ["image_url", "start_image", "end_image", "video_url", "audio_url"]
TEXT_FIELDS = ["model", "prompt", "aspect_ratio", "resolution", "negative_prompt", "user"]
WHOLE_FIELDS = ["duration", "fps", "seed"]
NUMBER_FIELDS = ["cfg_scale", "motion_strength"]
LISTS = [name for name in MEDIA_FIELDS if name.endswith("s")]
