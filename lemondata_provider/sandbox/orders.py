"""What a create asks for: a request body, checked as the API checks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lemondata_provider.sandbox.models import NEWEST, Model, find_model
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings

# Each operation with the inputs that it cannot do without; a tuple holds alternatives.
INPUTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "text-to-video": (("prompt",),),
    "image-to-video": (("image_url", "image", "image_urls"),),
    "reference-to-video": (("reference_images", "image_urls", "video_urls"),),
    "start-end-to-video": (("start_image",), ("end_image",)),
    "video-to-video": (("video_url", "video_urls", "task_id"),),
    "motion-control": (("image_url", "image"), ("video_url",)),
    "audio-to-video": (("audio_url",),),
    "video-extension": (("video_url",),),
}
# Where two pages of an edition give two ranges, the wider one counts.
_BOUNDS = {"duration": (-1, 60), "fps": (1, 120), "cfg_scale": (0, 30), "motion_strength": (0, 100)}
_WORDS = {
    "aspect_ratio": ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive"),
    "resolution": ("360p", "480p", "540p", "720p", "768p", "1080p", "4k"),
    "reference_image_type": ("asset", "style"),
}
# What the editions before 2026-07 take.
_OLD_BOUNDS = {**_BOUNDS, "duration": (1, 60)}
_OLD_WORDS = {
    **_WORDS,
    "aspect_ratio": ("16:9", "9:16", "1:1", "4:3", "3:4"),
    "resolution": ("720p", "1080p", "4k"),
}
_MAX_REFERENCES, _OLD_MAX_REFERENCES = 9, 3
_TEXTS = (
    *("model", "prompt", "operation", "image_url", "image", "start_image", "end_image", "video_url", "audio_url"),
    *("aspect_ratio", "resolution", "reference_image_type", "negative_prompt", "user"),
)
_KINDS: tuple[tuple[tuple[str, ...], type, str], ...] = (
    (_TEXTS, str, "a string"),
    (("duration", "fps", "seed"), int, "an integer"),
    (("output_audio", "outputAudio"), bool, "a boolean"),
)
_IMAGES = ("image_url", "image", "start_image", "end_image")


@dataclass(frozen=True)
class Order:
    """A request that was found good: everything that decides cost and picture."""

    model: str
    operation: str
    prompt: str
    seed: int
    duration: int
    fps: int
    resolution: str
    aspect_ratio: str
    output_audio: bool
    images: tuple[str, ...]
    video: str
    cost: Decimal
    last_frame: bool = False


def take_order(body: object, settings: Settings) -> Order:
    """The order that a request body holds; refuses what the API refuses."""
    if not isinstance(body, dict):
        raise _invalid("The request body must be a JSON object.")
    is_old = settings.edition != NEWEST
    _check_types(body, is_old)
    model = find_model(body.get("model") or ("sora-2" if is_old else "veo3.1"), settings)
    operation = _operation(body, model)
    _check_inputs(body, operation)
    if settings.strict_contract:
        _check_contract(body, model)
    duration = max(body.get("duration") or 0, 0) or settings.duration  # -1: the model chooses
    audio = body.get("output_audio", body.get("outputAudio"))
    return Order(
        model=model.id,
        operation=operation,
        prompt=body.get("prompt") or "",
        seed=body.get("seed") or 0,
        duration=duration,
        fps=body.get("fps") or settings.fps,
        resolution=body.get("resolution") or "720p",
        aspect_ratio=str(body.get("aspect_ratio") or "16:9").replace("adaptive", "16:9"),
        # These families treat an omitted value as true.
        output_audio=model.id.startswith(("veo", "seedance")) if audio is None else audio,
        images=tuple(filter(None, (*map(body.get, _IMAGES), *_listed(body, "reference_images", "image_urls")))),
        video=body.get("video_url") or next(iter(_listed(body, "video_urls")), ""),
        cost=model.cost(duration),
        last_frame=body.get("return_last_frame") is True,
    )


def _listed(body: Mapping[str, Any], *names: str) -> list[str]:
    return [url for name in names for url in body.get(name) or ()]


def _invalid(message: str, **hints: Any) -> Refusal:
    return Refusal(400, "invalid_request_error", message, **hints)


def _check_types(body: Mapping[str, Any], is_old: bool) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    for names, kind, words in _KINDS:
        for name in given.keys() & set(names):
            if type(given[name]) is not kind:
                raise _invalid(f"{name} must be {words}.", param=name)
    references = given.get("reference_images", [])
    if not isinstance(references, list) or not all(isinstance(item, str) for item in references):
        raise _invalid("reference_images must be a list of strings.", param="reference_images")
    maximum = _OLD_MAX_REFERENCES if is_old else _MAX_REFERENCES
    if len(references) > maximum:
        raise _invalid(f"reference_images takes at most {maximum} images.", param="reference_images")
    _check_ranges(given, *((_OLD_BOUNDS, _OLD_WORDS) if is_old else (_BOUNDS, _WORDS)))


def _check_ranges(
    given: Mapping[str, Any], bounds: Mapping[str, tuple[int, int]], words: Mapping[str, tuple[str, ...]]
) -> None:
    for name in given.keys() & bounds.keys():
        low, high = bounds[name]
        number = given[name]
        if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
            raise _invalid(f"{name} must be a number from {low} to {high}.", param=name)
    for name in given.keys() & words.keys():
        if given[name] not in words[name]:
            raise _invalid(f"{name} must be one of {', '.join(words[name])}.", param=name)


def _operation(body: Mapping[str, Any], model: Model) -> str:
    operation = body.get("operation") or _inferred(body)
    if operation not in INPUTS:
        raise _invalid(f"{operation!r} is not an operation.", param="operation", supported_operations=list(INPUTS))
    if operation not in model.supported_operations:
        raise Refusal(
            400,
            "unsupported_operation",
            f"{model.id} does not support {operation}.",
            param="operation",
            supported_operations=list(model.supported_operations),
            recommended_request={"model": model.id, "operation": model.supported_operations[0]},
        )
    return str(operation)


def _inferred(body: Mapping[str, Any]) -> str:
    image = body.get("image_url") or body.get("image")
    cases = {
        "start-end-to-video": body.get("start_image") and body.get("end_image"),
        "reference-to-video": body.get("reference_images") or body.get("image_urls"),
        "motion-control": body.get("video_url") and image,
        "video-to-video": body.get("video_url") or body.get("task_id"),
        "image-to-video": image,
    }
    return next((operation for operation, given in cases.items() if given), "text-to-video")


def _check_inputs(body: Mapping[str, Any], operation: str) -> None:
    for alternatives in INPUTS[operation]:
        if not any(body.get(name) for name in alternatives):
            raise _invalid(f"{operation} needs {' or '.join(alternatives)}.", param=alternatives[0])


def _check_contract(body: Mapping[str, Any], model: Model) -> None:
    for name, hint in (
        ("duration", "allowed_durations"),
        ("resolution", "allowed_resolutions"),
        ("aspect_ratio", "allowed_aspect_ratios"),
    ):
        allowed = getattr(model, hint)
        if allowed and body.get(name) is not None and body[name] not in allowed:
            message = f"{model.id} does not accept {name} {body[name]!r}."
            raise _invalid(message, param=name, **{hint: list(allowed)})
