"""Which part of a file a request gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemondata_provider.plugins.ranges import Selection, Version, select

CONTENT = bytes(range(10))
TAG = '"abc"'
FILE = Version(len(CONTENT), TAG)
WHOLE = Selection(200, 0, 10)


def asked(value: str, **headers: str) -> Selection:
    return select({"range": value, **headers}, FILE)


@given(st.integers(0, 30), st.integers(0, 30))
def test_select_first_and_last_byte_sends_what_a_slice_has(first, last):
    found = asked(f"bytes={first}-{last}")
    expected = CONTENT[first : last + 1]
    if first > last:
        assert found == WHOLE
    elif expected:
        assert (found.status, CONTENT[found.start : found.end]) == (206, expected)
    else:
        assert found.status == 416


@given(st.integers(0, 30))
def test_select_open_end_sends_all_that_follows(first):
    found = asked(f"bytes={first}-")
    assert found == Selection(206, first, 10) if first < 10 else found.status == 416


@given(st.integers(0, 30))
def test_select_suffix_sends_the_last_bytes(count):
    found = asked(f"bytes=-{count}")
    expected = CONTENT[-count:] if count else b""
    if expected:
        assert (found.status, CONTENT[found.start : found.end]) == (206, expected)
    else:
        assert found.status == 416


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes=-",
        "bytes=x-1",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes 0-1",
        "bytes=--1",
        f"bytes={'9' * 5000}-",
        "bytes=\u0661-\u0662",
    ],
)
def test_select_what_is_no_single_range_sends_the_whole_file(value):
    assert asked(value) == WHOLE


@pytest.mark.parametrize(
    ("if_range", "status"), [(TAG, 206), ('"other"', 200), ("W/" + TAG, 200), ("Wed, 25 Nov 2026 10:00:00 GMT", 200)]
)
def test_select_reader_has_another_version_sends_the_whole_file(if_range, status):
    assert asked("bytes=0-1", **{"if-range": if_range}).status == status


@pytest.mark.parametrize(
    ("tags", "status"), [(TAG, 304), ("W/" + TAG, 304), (f'"x", {TAG}', 304), ("*", 304), ('"x"', 206), ("", 206)]
)
def test_select_reader_has_this_version_sends_nothing(tags, status):
    assert asked("bytes=0-1", **{"if-none-match": tags}).status == status


def test_select_empty_file_has_no_part():
    assert select({"range": "bytes=0-0"}, Version(0, TAG)).status == 416
    assert select({}, Version(0, TAG)) == Selection(200, 0, 0)
