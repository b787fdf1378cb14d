"""What to do with a path, decided without any file."""

from __future__ import annotations

import pytest

from lemondata_provider.results.outputs import IF_EXISTS, Action, Kept, Output, decide
from lemondata_provider.results.sidecar import Occupant

TABLE = {
    Occupant.NOTHING: (Action.WRITE, Action.WRITE, Action.WRITE),
    Occupant.SAME_TASK: (Action.USE, Action.WRITE, Action.USE),
    Occupant.SAME_REQUEST: (Action.USE, Action.WRITE, Action.REFUSE),
    Occupant.OTHER_REQUEST: (Action.REFUSE, Action.WRITE, Action.REFUSE),
    Occupant.UNKNOWN: (Action.USE, Action.WRITE, Action.REFUSE),
}


def test_table_of_this_test_has_every_occupant() -> None:
    assert set(TABLE) == set(Occupant)
    assert IF_EXISTS == ("skip", "overwrite", "fail")


@pytest.mark.parametrize("occupant", Occupant)
@pytest.mark.parametrize("if_exists", IF_EXISTS)
def test_decide_every_occupant_and_mode_has_its_action(occupant: Occupant, if_exists: str) -> None:
    assert decide(occupant, if_exists) is TABLE[occupant][IF_EXISTS.index(if_exists)]


def test_kept_result_is_plain_json_with_the_first_uri() -> None:
    result = Kept(
        (Output("s3://clips/a.mp4", 10), Output("s3://clips/a-2.mp4", 11)), False, "s3://aws@clips/a.mp4"
    ).result()
    assert (result["output_uri"], result["skipped"]) == ("s3://clips/a.mp4", False)
    assert [set(output) for output in result["outputs"]] == [
        {"uri", "size", "sha256", "container", "duration", "width", "height", "audio"}
    ] * 2
