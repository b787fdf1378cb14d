"""
The sidecar of a file, ``clip.mp4.json``: which task and which request the video comes from.

It is written before the file appears, and is valid only if its ``size`` is the file's. So a file without one is not
ours. It holds neither prompt nor link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.api.task import Task
from lemondata_provider.api.video_body import Downloaded
from lemondata_provider.results.target import Target

VERSION = 1


@dataclass(frozen=True)
class Origin:
    """
    Where a video comes from; ``None`` is unknown.

    :param task_id: LemonData's id of the task.
    :param poll_url: its poll URL.
    :param model: the model that generated.
    :param operation: the operation of the request.
    :param estimated_cost_usd: the price at submit time.
    :param created: when the task was created, as ISO text.
    :param fingerprint: a digest of each field of the request.
    """

    task_id: str | None = None
    poll_url: str | None = None
    model: str | None = None
    operation: str | None = None
    estimated_cost_usd: str | None = None
    created: str | None = None
    fingerprint: Mapping[str, str] | None = None

    @classmethod
    def of(cls, task: Task, facts: SubmitFacts, fingerprint: Mapping[str, str] | None = None) -> Origin:
        """Return the origin of a task's videos."""
        return cls(
            task_id=task.id,
            poll_url=task.poll_url,
            model=task.model or facts.model,
            operation=facts.operation,
            estimated_cost_usd=facts.estimated_cost_usd,
            created=task.created.isoformat() if task.created else None,
            fingerprint=fingerprint,
        )


class Sidecar(BaseModel):
    """The content of a sidecar. ``number`` of ``videos`` tells which of a task's videos the file is."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    version: int = VERSION
    task_id: str | None = None
    model: str | None = None
    operation: str | None = None
    fingerprint: dict[str, str] | None = None
    sha256: str
    size: int
    container: str | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    audio: bool | None = None
    number: int = 1
    videos: int = 1
    estimated_cost_usd: str | None = None
    created: str | None = None

    @classmethod
    def of(cls, origin: Origin, downloaded: Downloaded, number: int, videos: int) -> Sidecar:
        """Describe a downloaded video."""
        known: dict[str, Any] = {**vars(origin), **vars(downloaded.facts), "audio": downloaded.facts.has_audio}
        return cls.model_validate(
            {**known, "sha256": downloaded.sha256, "size": downloaded.size, "number": number, "videos": videos}
        )

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        return f"{self.model_dump_json(indent=2)}\n".encode()


class Occupant(Enum):
    """What a path holds."""

    NOTHING = "nothing"
    SAME_TASK = "same task"
    SAME_REQUEST = "same request"
    OTHER_REQUEST = "other request"
    UNKNOWN = "unknown"  # a file without a valid sidecar: not ours


@dataclass(frozen=True)
class Found:
    """
    What a path holds, in detail.

    :param occupant: whose file it is.
    :param size: bytes, if there is a file.
    :param sidecar: its sidecar, if it has a valid one.
    :param differences: the fields of the request that differ.
    """

    occupant: Occupant
    size: int | None = None
    sidecar: Sidecar | None = None
    differences: tuple[str, ...] = ()


def sidecar_target(target: Target) -> Target:
    """Return where the sidecar of a file is."""
    return target.sibling(f"{target.name}.json")


def inspect_path(target: Target, origin: Origin) -> Found:
    """
    Return what a path holds, and never from a cache.

    :param target: the path.
    :param origin: what is about to be stored there.
    :raises OutputError: that cannot be known.
    """
    size = target.size()
    if size is None:
        return Found(Occupant.NOTHING)
    return compare(size, read_sidecar(sidecar_target(target).read()), origin)


def read_sidecar(content: bytes | None) -> Sidecar | None:
    """Return a sidecar; any other JSON file of that name is none."""
    try:
        return None if content is None else Sidecar.model_validate_json(content)
    except ValidationError:
        return None


def describes(sidecar: Sidecar, target: Target) -> bool:
    """Return whether a file has the very bytes of the sidecar; the file is read."""
    if target.size() != sidecar.size:
        return False
    digest = hashlib.sha256()
    with target.errors_as_output_errors("read"), target.open() as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest() == sidecar.sha256


def compare(size: int, sidecar: Sidecar | None, origin: Origin) -> Found:
    """Decide whose file a path holds."""
    if sidecar is None or sidecar.size != size:
        return Found(Occupant.UNKNOWN, size)
    if origin.task_id is not None and sidecar.task_id == origin.task_id:
        return Found(Occupant.SAME_TASK, size, sidecar)
    if origin.fingerprint is None or sidecar.fingerprint is None:
        return Found(Occupant.OTHER_REQUEST, size, sidecar, ("task_id",))
    old, new = sidecar.fingerprint, origin.fingerprint
    differences = tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))
    return Found(Occupant.OTHER_REQUEST if differences else Occupant.SAME_REQUEST, size, sidecar, differences)
