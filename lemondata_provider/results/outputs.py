"""What is stored, and what to do with what is there already."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow.sdk import Context

from lemondata_provider.api.container import facts_of_file
from lemondata_provider.api.errors import OutputTakenError
from lemondata_provider.results.sidecar import Found, Occupant, Origin, Sidecar, inspect_path
from lemondata_provider.results.target import Target

log = logging.getLogger(__name__)

IF_EXISTS = ("skip", "overwrite", "fail")
USABLE = {
    "skip": (Occupant.SAME_TASK, Occupant.SAME_REQUEST, Occupant.UNKNOWN),
    "fail": (Occupant.SAME_TASK,),
}  # "overwrite" reads no file
MAX_BYTES = 2 * 1024**3  # that an operator stores unless its user says otherwise


@dataclass(frozen=True)
class Output:
    """
    One stored video; ``None`` is unknown.

    :param uri: the file, without the connection.
    :param size: bytes.
    :param sha256: of the bytes.
    :param container: the file format.
    :param duration: seconds.
    :param width: pixels.
    :param height: pixels.
    :param audio: whether the video has sound.
    """

    uri: str
    size: int
    sha256: str | None = None
    container: str | None = None
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    audio: bool | None = None


@dataclass(frozen=True)
class Kept:
    """
    The stored videos of a task.

    :param outputs: the files, the first video first.
    :param skipped: whether the first file was there already.
    :param path: of the first file, with its connection.
    :param poster_path: of the poster of the first file, with its connection, if there is one.
    :param sidecar: the sidecar of the first file, if it was there already and has one.
    """

    outputs: tuple[Output, ...]
    skipped: bool
    path: str
    poster_path: str | None = None
    sidecar: Sidecar | None = field(default=None, compare=False)

    def result(self) -> dict[str, Any]:
        """Return the part of an Airflow task's result that is about files: plain JSON values."""
        outputs = [asdict(output) for output in self.outputs]
        return {
            "output_path": self.path,
            "output_uri": outputs[0]["uri"],
            "outputs": outputs,
            "poster_path": self.poster_path,
            "skipped": self.skipped,
        }


def push_file(context: Context, result: Mapping[str, Any]) -> None:
    """Push where the first file is as XComs of their own: the next task takes ``this.output["output_path"]``."""
    for name in ("output_path", "output_uri") if result["outputs"] else ():
        context["ti"].xcom_push(key=name, value=result[name])


def report(result: Mapping[str, Any]) -> str:
    """
    Return the last line of a task's log: file, size, seconds and cost.

    :param result: what the operator returns, with at least one file.
    """
    first, *more = result["outputs"]
    files = f"{first['uri']}{f' and {len(more)} more' if more else ''}: {first['size']:,} bytes"
    length = "" if first["duration"] is None else f", {first['duration']:g} s of video"
    if result["skipped"]:
        return f"Skipped, nothing paid: {files}{length}, there already"
    seconds, cost = result.get("generation_seconds"), result.get("estimated_cost_usd")
    generated = "" if seconds is None else f", generated in {seconds:g} s"
    return f"Stored {files}{length}{generated}{'' if cost is None else f', about {cost} USD'}"


def find_usable(target: Target, origin: Origin, if_exists: str) -> Found | None:
    """
    Return a file that may stand for the video, or ``None`` if there is none.

    :param target: where the video goes.
    :param origin: what is about to be stored there.
    :param if_exists: ``skip`` uses a file unless it is another request's, ``fail`` uses a file of this very task only.
    :raises OutputTakenError: the path holds something else.
    :raises OutputUnwritableError: the path cannot be read.
    """
    found = inspect_path(target, origin)
    if found.occupant is Occupant.NOTHING:
        return None
    if found.occupant not in USABLE[if_exists]:
        raise _taken(target, found)
    return found


def describe(target: Target, found: Found) -> Output:
    """Describe a file by its sidecar, or else by itself."""
    size, sidecar = found.size or 0, found.sidecar
    if sidecar is not None:
        described = sidecar.model_dump(include={"sha256", "container", "duration", "width", "height", "audio"})
        return Output(target.uri, size, **described)
    log.warning("%s has no valid sidecar, so another program may have written it", target.uri)
    with target.errors_as_output_errors("read"), target.open() as file:
        facts = facts_of_file(file)
    if facts is None:
        return Output(target.uri, size)
    shown = (facts.container, facts.duration, facts.width, facts.height, facts.has_audio)
    return Output(target.uri, size, None, *shown)


def _taken(target: Target, found: Found) -> OutputTakenError:
    if found.sidecar is None:
        return target.taken("holds a file of another program")
    whose = f"holds the video of another request (task {found.sidecar.task_id}"
    if found.differences:
        whose += f"; different: {', '.join(found.differences)}"
    return target.taken(f"{whose})")
