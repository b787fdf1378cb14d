"""The record of a submit in the task state store, and its fingerprint."""

from __future__ import annotations

import pytest

from lemondata_provider.api.errors import SubmitUnknownError
from lemondata_provider.operators.record import Record, fingerprint
from tests.operators.doubles import STORED

CHANGES = {"fingerprint": None, "task_id": 7, "deadline": "soon", "answered": "false", "max_tries": None}
SPOILED = [{**STORED.to_json(), name: value} for name, value in CHANGES.items()]


@pytest.mark.parametrize("stored", [{}, [], "x", {"version": 2}, *SPOILED])
def test_record_read_invalid_value_raises_submit_unknown(stored):
    with pytest.raises(SubmitUnknownError, match="under Task instance > Storage"):
        Record.read(stored)


def test_fingerprint_signed_links_of_the_same_media_are_equal():
    first, second = (
        fingerprint({"image_url": f"https://x.test/a.png?sig={n}", "deep": [{"u": f"http://x.test/b?{n}"}]})
        for n in (1, 2)
    )
    assert first == second
    assert first != fingerprint({"image_url": "https://x.test/c.png", "deep": []})


def test_fingerprint_prompt_with_a_link_keeps_its_query():
    one, other = (fingerprint({"prompt": f"https://brand.example/style? a {animal}"}) for animal in ("cat", "dog"))
    assert one != other
    assert fingerprint({"prompt": "https://[draft] a cat", "newer_url": "https://[draft]?x"})
