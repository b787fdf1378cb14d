"""LemonData's video guide: its tables, its example requests, and the part of the catalog that it describes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lemondata_provider.catalog import Catalog, load

FOLDER = Path(__file__).parent / "guide"
GUIDE: dict[str, Any] = json.loads((FOLDER / "tables.json").read_text())
EXAMPLES: list[dict[str, Any]] = json.loads((FOLDER / "requests.json").read_text())["requests"]
OF = {example["operation"]: example for example in EXAMPLES}
IMAGE, VIDEO, AUDIO = "https://x.example/a.png", "https://x.example/a.mp4", "https://x.example/a.mp3"
OPERATION = {
    "T2V": "text-to-video",
    "I2V": "image-to-video",
    "reference": "reference-to-video",
    "start-end": "start-end-to-video",
    "V2V": "video-to-video",
    "motion": "motion-control",
}
IDS = {name for models in GUIDE["models"].values() for name in models}
# The catalog on the day of the guide, so that a model that comes or goes later changes no expected message.
CATALOG = Catalog((replace(model, listed=True) for model in load().models if model.id in IDS), load().recommendations)
