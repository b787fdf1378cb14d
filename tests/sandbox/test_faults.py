from __future__ import annotations

import pytest

from lemondata_provider.sandbox import wire
from lemondata_provider.sandbox.faults import AFTER, BEFORE, Fault, FaultError, Faults


def queue(*faults: Fault) -> Faults:
    result = Faults()
    for fault in faults:
        result.add(fault)
    return result


def test_a_fault_waits_for_its_kind_of_request_and_happens_once():
    faults = queue(Fault("error", "poll", code="a"), Fault("error", "poll", code="b"))
    taken = [faults.take(kind) for kind in ("create", "poll", "poll", "poll")]
    assert [fault and fault.code for fault in taken] == [None, "a", "b", None]
    assert faults.public() == []


def test_a_fault_happens_as_often_as_it_says():
    faults = queue(Fault("error", times=2))
    assert [bool(faults.take("poll")) for _ in range(3)] == [True, True, False]


def test_a_fault_without_end_happens_until_it_is_cleared():
    faults = queue(Fault("error", times=-1))
    assert all(faults.take("poll") for _ in range(10))
    faults.clear()
    assert faults.take("poll") is None


def test_any_means_every_api_call_and_no_download():
    assert all(Fault("reset").meets(kind) for kind in ("create", "poll", "cancel", "models"))
    assert not Fault("reset").meets("file")
    assert Fault("reset", "file").meets("file")


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "earthquake"},
        {"kind": "error", "on": "sunday"},
        {"kind": "error", "colour": "red"},
        {"on": "poll"},
        {"kind": "slow", "seconds": "3"},
        {"kind": "slow", "seconds": -3},
        {"kind": "error", "status": True},
        {"kind": "error", "times": "always"},
        {"kind": "error", "headers": []},
    ],
)
def test_a_fault_that_does_not_exist_is_refused(values):
    with pytest.raises(FaultError):
        Fault.from_mapping(values)


def test_every_kind_of_fault_has_its_behaviour():
    assert wire._BEFORE.keys() == BEFORE
    assert wire._AFTER.keys() == AFTER
