"""Which file may stand for a video, and what a task's result says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lemondata_provider.api.errors import OutputTakenError
from lemondata_provider.results.outputs import IF_EXISTS, USABLE, Kept, Output, find_usable
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Occupant, Origin, Sidecar
from tests.results.keeping import ORIGIN, OTHER, REQUEST

FILES = {
    Occupant.SAME_TASK: ORIGIN,
    Occupant.SAME_REQUEST: Origin("t9", fingerprint=REQUEST),
    Occupant.OTHER_REQUEST: OTHER,
    Occupant.UNKNOWN: None,
}
USED = {
    "skip": {Occupant.SAME_TASK, Occupant.SAME_REQUEST, Occupant.UNKNOWN},
    "fail": {Occupant.SAME_TASK},
}


def test_tables_have_every_occupant_and_mode() -> None:
    assert {*FILES, Occupant.NOTHING} == set(Occupant)
    assert {*USABLE, "overwrite"} == set(IF_EXISTS)


@pytest.mark.parametrize("occupant", FILES)
@pytest.mark.parametrize("if_exists", USED)
def test_find_usable_every_occupant_is_used_or_refused(tmp_path: Path, occupant: Occupant, if_exists: str) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    if origin := FILES[occupant]:
        sidecar = Sidecar(task_id=origin.task_id, fingerprint=dict(origin.fingerprint or {}), sha256="aa", size=4)
        (tmp_path / "clip.mp4.json").write_bytes(sidecar.to_bytes())
    target = target_for(tmp_path / "clip.mp4")
    if occupant in USED[if_exists]:
        found = find_usable(target, ORIGIN, if_exists)
        assert found is not None
        assert found.occupant is occupant
    else:
        with pytest.raises(OutputTakenError):
            find_usable(target, ORIGIN, if_exists)


@pytest.mark.parametrize("if_exists", USED)
def test_find_usable_nothing_there_is_none(tmp_path: Path, if_exists: str) -> None:
    assert find_usable(target_for(tmp_path / "clip.mp4"), ORIGIN, if_exists) is None


def test_kept_result_is_plain_json_with_the_first_uri() -> None:
    result = Kept(
        (Output("s3://clips/a.mp4", 10), Output("s3://clips/a-2.mp4", 11)), False, "s3://aws@clips/a.mp4"
    ).result()
    assert (result["output_uri"], result["skipped"]) == ("s3://clips/a.mp4", False)
    assert [set(output) for output in result["outputs"]] == [
        {"uri", "size", "sha256", "container", "duration", "width", "height", "audio"}
    ] * 2
