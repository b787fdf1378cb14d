"""
The inputs of each operation, and the operation that the inputs of a request mean.

Sources: LemonData's video guide (the definitions of its operations) and https://docs.lemondata.cc (create-video).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

# The required inputs of each operation; each inner tuple lists alternatives.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "text-to-video": (("prompt",),),
    "image-to-video": (("image_url", "image", "image_urls"),),
    "reference-to-video": (("reference_images", "image_urls", "video_urls"),),
    "start-end-to-video": (("start_image",), ("end_image",)),
    "video-to-video": (("video_url", "video_urls", "source_task_id"),),
    "motion-control": (("image_url", "image"), ("video_url",)),
    # The inputs of these two depend on the model.
    "audio-to-video": (),
    "video-extension": (),
}
OPERATIONS = tuple(NEEDS)
# Inputs that some models take beside the required ones.
OPTIONAL_INPUTS: dict[str, tuple[str, ...]] = {
    "image-to-video": ("end_image",),
    "reference-to-video": ("reference_image_type", "image_url"),
    "start-end-to-video": ("image_url", "image_urls"),
    "video-to-video": ("reference_images",),
}
IMAGES = ("image_url", "image", "image_urls", "reference_images", "start_image", "end_image")
# Every operation takes a prompt, and audio depends on the model: neither is ever surplus.
INPUTS = (*IMAGES, "reference_image_type", "video_url", "video_urls", "source_task_id")
DECIDING = ("prompt", *INPUTS, "audio_url", "audio_urls")
SETTINGS = (
    *("model", "operation", "output_audio", "outputAudio", "duration", "aspect_ratio", "resolution", "fps"),
    *("negative_prompt", "seed", "cfg_scale", "motion_strength", "user"),
    *("kling_elements", "watermark", "return_last_frame"),
)
_KNOWN = frozenset((*SETTINGS, *DECIDING))
# Inference takes the first operation of this order whose required inputs are given.
_INFERENCE_ORDER = ("start-end-to-video", "reference-to-video", "motion-control", "video-to-video", "image-to-video")


def infer(fields: Mapping[str, Any], operations: Collection[str]) -> str | None:
    """
    Return the operation that the inputs of a request mean, or ``None`` if they do not decide.

    :param fields: fields of the request, without those that were not given.
    :param operations: operations of the model; empty if unknown.
    """
    if len(operations) == 1:
        return next(iter(operations))
    if _is_ambiguous(fields, operations):
        return None
    possible = [operation for operation in _INFERENCE_ORDER if not missing(fields, operation)]
    if "motion-control" in possible and "motion-control" not in operations:
        if not operations:  # motion-control, or video-to-video
            return None
        possible.remove("motion-control")
    if "image_urls" in fields and operations:
        possible = [operation for operation in possible if operation in operations] or possible
    if possible:
        return possible[0]
    # A field that is newer than this package may be an input.
    return "text-to-video" if {*fields}.difference(SETTINGS) == {"prompt"} else None


def _is_ambiguous(fields: Mapping[str, Any], operations: Collection[str]) -> bool:
    """Say whether inputs have more than one meaning to a model."""
    either = {"image-to-video", "reference-to-video"} & {*operations}
    images = "image_urls" in fields and "reference_images" not in fields and len(either) != 1
    extension = "source_task_id" in fields and "video-extension" in operations
    unknown = not operations and not fields.keys().isdisjoint(("audio_url", "audio_urls", "source_task_id"))
    return images or extension or unknown


def fitting(fields: Mapping[str, Any]) -> str | None:
    """Return the operation that takes exactly the inputs of a request; there is at most one."""
    described = (operation for operation, needs in NEEDS.items() if needs)
    return next((name for name in described if not missing(fields, name) and not surplus(fields, name)), None)


def has_unknown_fields(fields: Mapping[str, Any]) -> bool:
    """Say whether a request has fields that this package does not know: they may be inputs."""
    return not fields.keys() <= _KNOWN


def missing(fields: Mapping[str, Any], operation: str, undecided: Collection[str] = ()) -> list[str]:
    """Return the required inputs that are missing; alternatives are one text."""
    return [
        " or ".join(names)
        for names in NEEDS.get(operation, ())
        if not any(name in fields or name in undecided for name in names)
    ]


def surplus(fields: Mapping[str, Any], operation: str) -> list[str]:
    """Return the inputs that an operation does not use."""
    if not NEEDS.get(operation):
        return []
    used = {*sum(NEEDS[operation], ()), *OPTIONAL_INPUTS.get(operation, ())}
    return [name for name in INPUTS if name in fields and name not in used]


def needs_of(operation: str) -> str:
    """Return the required inputs of an operation, in words."""
    return " and ".join(" or ".join(names) for names in NEEDS.get(operation, ())) or "inputs unknown here"
