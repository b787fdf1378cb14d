from __future__ import annotations

import pytest

from lemondata_provider.sandbox import wire
from lemondata_provider.sandbox.faults import AFTER, BEFORE, Fault, FaultError, Faults


def queue(*faults: Fault) -> Faults:
    result = Faults()
    for fault in faults:
        result.add(fault)
    return result


def test_faults_take_matching_request_returns_each_fault_once():
    faults = queue(Fault("error", "poll", code="a"), Fault("error", "poll", code="b"))
    taken = [faults.take(kind) for kind in ("create", "poll", "poll", "poll")]
    assert [fault and fault.code for fault in taken] == [None, "a", "b", None]
    assert faults.public() == []


def test_faults_take_times_set_returns_the_fault_that_often():
    faults = queue(Fault("error", times=2))
    assert [bool(faults.take("poll")) for _ in range(3)] == [True, True, False]


def test_faults_take_times_negative_returns_the_fault_until_clear():
    faults = queue(Fault("error", times=-1))
    assert all(faults.take("poll") for _ in range(10))
    faults.clear()
    assert faults.take("poll") is None


def test_fault_meets_any_matches_api_calls_but_no_download():
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
        {"kind": "cut", "share": 1.5},
        {"kind": "error", "headers": []},
    ],
)
def test_fault_from_mapping_invalid_value_raises(values):
    with pytest.raises(FaultError):
        Fault.from_mapping(values)


def test_fault_kinds_each_have_a_handler():
    assert wire._BEFORE.keys() == BEFORE
    assert wire._AFTER.keys() == AFTER
