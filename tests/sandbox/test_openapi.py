"""The sandbox and our requests against the vendor's OpenAPI file of 2026-07-24, where that file is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lemondata_provider.api.request import VideoRequest
from lemondata_provider.catalog import load
from lemondata_provider.catalog.checks import check as check_request

DEFAULT = Path(__file__).parents[3] / "shared" / "api" / "openapi-2026-07-24.video.json"
FILE = Path(os.environ.get("LEMONDATA_OPENAPI", DEFAULT))

# Only the vendor may publish the file, so a clone of this project alone does not have it.
pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the vendor's OpenAPI file is not here: LEMONDATA_OPENAPI names it"
)


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(FILE.read_text())


@pytest.fixture
def check(document: Any) -> Any:
    def check(name: str, value: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        errors = [*jsonschema.Draft202012Validator(schema).iter_errors(value)]
        assert [f"{'/'.join(map(str, error.path))}: {error.message}" for error in errors] == []

    return check


IMAGE, VIDEO = "https://x.example/a.png", "https://x.example/a.mp4"


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "x", "duration": -1, "resolution": "480p", "aspect_ratio": "21:9"},
        {"operation": "image-to-video", "image_url": IMAGE, "return_last_frame": True, "watermark": False},
        {"operation": "reference-to-video", "reference_images": [IMAGE] * 9, "video_urls": [VIDEO], "prompt": "x"},
        {"operation": "start-end-to-video", "start_image": IMAGE, "end_image": IMAGE},
        {"operation": "video-to-video", "source_task_id": "ldtask_1"},
        {
            "prompt": "@cat runs",
            "image_urls": [IMAGE],
            "kling_elements": [{"name": "cat", "element_input_urls": [IMAGE, IMAGE]}],
        },
    ],
    ids=str,
)
def test_request_body_validates(check: Any, fields: dict[str, Any]) -> None:
    check("VideoGenerationRequest", VideoRequest.checked(model="seedance-2.0", **fields).body())


def test_sandbox_answers_of_the_newest_edition_validate(check: Any, api: Any) -> None:
    get = api.http.get
    created = api.create()
    check("VideoGenerationResponse", created)
    check("VideoTaskResponse", get(created["poll_url"]).json())
    check("ModelsResponse", get("/v1/models").json())
    check("Model", get("/v1/models/veo3.1").json())
    check("ModelPricingResponse", get("/v1/models/veo3.1/pricing").json())
    check("PricingResponse", get("/v1/pricing").json())
    check("ApiError", get("/v1/tasks/nothing").json())


def test_documented_example_requests_pass_strict_checks_and_the_sandbox(document: Any, api: Any) -> None:
    create = document["paths"]["/v1/videos/generations"]["post"]["requestBody"]["content"]["application/json"]
    examples = [example["value"] for example in create["examples"].values()]
    assert examples
    for example in examples:
        request = VideoRequest.checked(**example)
        assert request.body() == example
        assert check_request(request.fields(), load()).errors == ()
        api.create(**example)
