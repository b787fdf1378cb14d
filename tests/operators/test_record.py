"""The record of a submit in the task state store, and its fingerprint."""

from __future__ import annotations

import pytest

from lemondata_provider.api.errors import SubmitUnknownError
from lemondata_provider.operators.record import Record
from tests.operators.doubles import STORED

CHANGES = {"fingerprint": None, "task_id": 7, "deadline": "soon", "answered": "false", "max_tries": None}
SPOILED = [{**STORED.to_json(), name: value} for name, value in CHANGES.items()]


@pytest.mark.parametrize("stored", [{}, [], "x", {"version": 2}, *SPOILED])
def test_record_read_invalid_value_raises_submit_unknown(stored):
    with pytest.raises(SubmitUnknownError, match="under Task instance > Storage"):
        Record.read(stored)
