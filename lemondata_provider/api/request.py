"""
The video request, checked before anything is sent.

Source: https://docs.lemondata.cc (create-video).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.fields import optional, parse_flag, parse_number, parse_text, parse_whole
from lemondata_provider.api.redaction import is_data_url, shield
from lemondata_provider.api.signed_links import hide_signatures
from lemondata_provider.api.stored_files import is_stored


class Operation(str, Enum):
    """The operations of LemonData's API."""

    TEXT_TO_VIDEO = "text-to-video"
    IMAGE_TO_VIDEO = "image-to-video"
    REFERENCE_TO_VIDEO = "reference-to-video"
    START_END_TO_VIDEO = "start-end-to-video"
    VIDEO_TO_VIDEO = "video-to-video"
    MOTION_CONTROL = "motion-control"
    AUDIO_TO_VIDEO = "audio-to-video"
    VIDEO_EXTENSION = "video-extension"


def _media_url(value: object) -> str:
    text = parse_text(value).strip()
    if is_data_url(text) and "," not in text:
        raise ValueError("must be a whole data: URL, with a comma before its content")
    if is_data_url(text) or is_stored(text):
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "asset") or not parts.netloc:
        raise ValueError("must be a public https URL, a data: URL, or a file: s3://bucket/key, gs://, abfs:// or /path")
    return text


def _media_urls(value: object) -> list[str]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        raise ValueError("must be a list of URLs")
    return [_media_url("" if item is None else item) for item in value]


Text = Annotated[str | None, optional(parse_text)]
Number = Annotated[float | None, optional(parse_number)]
Whole = Annotated[int | None, optional(parse_whole)]
Flag = Annotated[bool | None, optional(parse_flag)]
MediaUrl = Annotated[str | None, optional(_media_url)]
MediaUrls = Annotated[list[str] | None, optional(_media_urls)]


class VideoRequest(BaseModel):
    """
    The request of one video, with the API's field names; ``None`` is not sent.

    ``extra_params`` holds fields that are newer than this package. Use :meth:`checked` to build a request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    model: Annotated[str, BeforeValidator(parse_text)]
    prompt: Text = None
    operation: Text = None
    image_url: MediaUrl = None
    image: MediaUrl = None
    image_urls: MediaUrls = None
    reference_images: MediaUrls = None
    reference_image_type: Text = None
    start_image: MediaUrl = None
    end_image: MediaUrl = None
    video_url: MediaUrl = None
    video_urls: MediaUrls = None
    audio_url: MediaUrl = None
    audio_urls: MediaUrls = None
    source_task_id: Text = None
    kling_elements: list[dict[str, JsonValue]] | None = None
    output_audio: Flag = None
    duration: Whole = None
    aspect_ratio: Text = None
    resolution: Text = None
    fps: Whole = None
    negative_prompt: Text = None
    seed: Whole = None
    cfg_scale: Number = None
    motion_strength: Number = None
    watermark: Flag = None
    return_last_frame: Flag = None
    user: Text = None
    extra_params: dict[str, JsonValue] | None = None

    @classmethod
    def checked(cls, **fields: Any) -> VideoRequest:
        """
        Build a request from its fields; ``extra_params`` may hold named fields too.

        :raises InvalidRequestError: a field is invalid; the message names it.
        """
        fields = _with_named_extras(fields)
        try:
            request = cls.model_validate(fields)
        except ValidationError as error:
            raise InvalidRequestError(_sentence(error, fields)) from None
        request._check_whole()
        return request

    def _check_whole(self) -> None:
        extra = self.extra_params or {}
        for name, value in self.body().items():
            shown = "extra_params" if name in extra else name
            try:
                json.dumps({name: value}, ensure_ascii=False, allow_nan=False).encode()
            except UnicodeEncodeError:
                problem = "must be a text of whole characters: half of a surrogate pair is in it"
                raise InvalidRequestError(f"{shown} {problem}") from None
            except ValueError:
                raise InvalidRequestError(f"{shown} must be JSON, which has no NaN and no infinity") from None
        if not extra and not any(getattr(self, name) for name in ("prompt", *_INPUT_FIELDS)):
            raise InvalidRequestError(f"Neither a prompt nor any input was given: {', '.join(_INPUT_FIELDS)}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({hide_signatures(shield(self.body()))})"

    __str__ = __repr__

    def fields(self) -> dict[str, Any]:
        """Return the given fields, with those of ``extra_params``."""
        given = self.model_dump(mode="json", exclude_none=True, exclude={"extra_params"})
        return {**given, **(self.extra_params or {})}

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the create call."""
        return {_API_NAMES.get(name, name): value for name, value in self.fields().items()}


def _with_named_extras(fields: dict[str, Any]) -> dict[str, Any]:
    """Move named fields out of ``extra_params``, where a DAG has them that is older than their names."""
    extra = fields.get("extra_params")
    if not isinstance(extra, dict):
        return fields
    parameters = {_API_NAMES.get(name, name): name for name in REQUEST_FIELDS}
    named = {parameters[name]: value for name, value in extra.items() if name in parameters}
    for name, value in named.items():
        if name == "extra_params" or (fields.get(name) is not None and str(fields[name]) != str(value)):
            raise InvalidRequestError(f"extra_params must not contradict {name}: give {name} once, by its own name")
    rest = {name: value for name, value in extra.items() if name not in parameters}
    return {**fields, **named, "extra_params": rest or None}


MEDIA_FIELDS = (
    *("image_url", "image", "image_urls", "reference_images", "start_image", "end_image"),
    *("video_url", "video_urls", "audio_url", "audio_urls"),
)
_API_NAMES = {"source_task_id": "task_id"}  # Airflow has a task_id of its own
_INPUT_FIELDS = (*MEDIA_FIELDS, "source_task_id")
REQUEST_FIELDS = tuple(VideoRequest.model_fields)


def _sentence(error: ValidationError, fields: dict[str, Any]) -> str:
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(problem["loc"][0])
        given = str(shield(fields.get(name)))
        what = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if problem["type"] == "missing":
            problems.append(f"{name} must be given")
        elif name in VideoRequest.model_fields:
            problems.append(f"{name} {what}, not {given[:80]!r}")
        else:
            problems.append(f"{name} is no field of a video request")
    return "; ".join(problems)
