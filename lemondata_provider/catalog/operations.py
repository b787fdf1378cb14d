"""
What each operation needs and takes, and which one is meant where none was named.

Sources: LemonData's video guide (the definitions of its operations) and https://docs.lemondata.cc (create-video).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from lemondata_provider.catalog.catalog import CatalogModel

# What each operation cannot do without; what stands together are alternatives.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "text-to-video": (("prompt",),),
    "image-to-video": (("image_url", "image"),),
    "reference-to-video": (("reference_images",),),
    "start-end-to-video": (("start_image",), ("end_image",)),
    "video-to-video": (("video_url",),),
    "motion-control": (("image_url", "image"), ("video_url",)),
    # The contract knows these two as well. No model of the guide has them, and nothing is said of their inputs.
    "audio-to-video": (),
    "video-extension": (),
}
OPERATIONS = tuple(NEEDS)
TAKES_AS_WELL = {"reference-to-video": ("reference_image_type",)}
IMAGES = ("image_url", "image", "reference_images", "start_image", "end_image")
# A prompt goes with every operation, and audio by model: neither is ever too much.
INPUTS = (*IMAGES, "reference_image_type", "video_url")
DECIDING = ("prompt", *INPUTS, "audio_url")
SETTINGS = (
    *("model", "operation", "output_audio", "outputAudio", "duration", "aspect_ratio", "resolution", "fps"),
    *("negative_prompt", "seed", "cfg_scale", "motion_strength", "user"),
)
_KNOWN = frozenset((*SETTINGS, *DECIDING))
# The first one whose needs are met is meant.
_MEANT = ("start-end-to-video", "reference-to-video", "motion-control", "video-to-video", "image-to-video")


def infer(fields: Mapping[str, Any], model: CatalogModel | None) -> str | None:
    """
    Return the operation that is meant, or nothing where that cannot be said.

    :param fields: the request, without what was not given.
    :param model: what is known of its model.
    """
    operations = model.operations if model else ()
    if len(operations) == 1:
        return operations[0]
    if not operations and "audio_url" in fields:  # the audio may drive the video, or be its sound
        return None
    possible = [operation for operation in _MEANT if not missing(fields, operation)]
    if "motion-control" in possible and "motion-control" not in operations:
        if not operations:  # the video could be followed, or be made over
            return None
        possible.remove("motion-control")
    if possible:
        return possible[0]
    # A field that is newer than this package may be an input as well.
    return "text-to-video" if {*fields}.difference(SETTINGS) == {"prompt"} else None


def fitting(fields: Mapping[str, Any]) -> str | None:
    """Return the operation that a request has all inputs for, and none too many; there is one at most."""
    described = (operation for operation, needs in NEEDS.items() if needs)
    return next((name for name in described if not missing(fields, name) and not surplus(fields, name)), None)


def brings_unknown_fields(fields: Mapping[str, Any]) -> bool:
    """Say whether a request has fields that this package does not know, which may decide what is meant."""
    return not fields.keys() <= _KNOWN


def missing(fields: Mapping[str, Any], operation: str, undecided: Collection[str] = ()) -> list[str]:
    """Return what an operation needs and was not given, alternatives in one text."""
    return [
        " or ".join(names)
        for names in NEEDS.get(operation, ())
        if not any(name in fields or name in undecided for name in names)
    ]


def surplus(fields: Mapping[str, Any], operation: str) -> list[str]:
    """Return the inputs that were given and that an operation has no use for."""
    if not NEEDS.get(operation):
        return []
    used = {*sum(NEEDS[operation], ()), *TAKES_AS_WELL.get(operation, ())}
    return [name for name in INPUTS if name in fields and name not in used]


def needs_of(operation: str) -> str:
    """Return what an operation needs, in words."""
    return " and ".join(" or ".join(names) for names in NEEDS.get(operation, ())) or "inputs unknown here"
