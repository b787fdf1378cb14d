"""An entry as the page reads it: a person may have edited the XCom, and one of them may not fail the page of all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lemondata_provider.videos.entry import MAX_BYTES, EntryError, EntryState, Paid, VideoEntry
from lemondata_provider.videos.progress import Progress

HUGE = 10**400


def read(**stored: Any) -> VideoEntry:
    entry = VideoEntry.from_json({"state": "completed", **stored})
    assert entry is not None
    return entry


def test_from_json_what_was_written_comes_back():
    entry = VideoEntry(
        EntryState.FAILED,
        video_task="ldtask_1",
        prompt="A cat.",
        request={"duration": 4, "output_audio": True},
        error=EntryError("Refused.", code="c"),
        created=1.5,
        width=640,
        skipped=True,
        earlier=(Paid("ldtask_0", "0.60", 1.0),),
    )
    assert VideoEntry.from_json(json.loads(json.dumps(entry.to_json()))) == entry


@pytest.mark.parametrize("stored", [None, 5, "text", [], {}, {"state": "odd"}, {"state": ["completed"]}, {"state": {}}])
def test_from_json_no_entry_is_none(stored):
    assert VideoEntry.from_json(stored) is None


@pytest.mark.parametrize("name", ["created", "seconds", "duration", "size", "width"])
@pytest.mark.parametrize("value", [HUGE, -HUGE, 1e300, float("nan"), float("inf"), True, "1", [1], {}])
def test_from_json_number_is_none_that_can_be_shown_is_left_out(name, value):
    assert getattr(read(**{name: value}), name) is None


@pytest.mark.parametrize("name", ["prompt", "model", "file", "poster", "poll_url", "remote_url", "estimated_cost"])
@pytest.mark.parametrize("value", ["x" * 100_000, 5, ["x"], {"x": 1}, None])
def test_from_json_text_is_none_or_endless_is_left_out(name, value):
    assert getattr(read(**{name: value}), name) is None


def test_from_json_lists_and_dicts_have_a_bound():
    entry = read(
        request={str(number): {"deep": number} if number % 2 else "x" for number in range(1000)},
        earlier=[{"video_task": str(number), "at": HUGE} for number in range(1000)],
        error={"message": "x" * 100_000},
    )
    assert 0 < len(entry.request) <= 30
    assert [paid.at for paid in entry.earlier] == [None] * 10
    assert entry.error is not None
    assert len(entry.error.message) < 5000


@pytest.mark.parametrize("earlier", [5, "[[[[", {"a": 1}, [5, None, {"video_task": 5}]])
def test_from_json_earlier_is_no_list_of_videos_there_are_none(earlier):
    assert read(earlier=earlier).earlier == ()


@pytest.mark.parametrize("letter", ["x", "é", "漢", "😀"])
def test_to_json_endless_texts_of_any_language_stay_below_the_bound(letter):
    error = EntryError(letter * 5000, "code", letter * 5000, "req_1")
    request = {str(number): letter * 90 for number in range(30)}
    earlier = tuple(Paid(f"ldtask_{number}", "0.60", 1.0) for number in range(10))
    names = {"video_task": "ldtask_1", "file": "/data/clip.mp4", "prompt": letter * 500}
    stored = VideoEntry(EntryState.FAILED, error=error, request=request, earlier=earlier, **names).to_json()
    assert len(json.dumps(stored).encode()) <= MAX_BYTES
    assert stored["video_task"]
    assert stored["error"]["message"].startswith(letter)


@pytest.mark.parametrize(
    ("percent", "shown"), [(40, 40), (HUGE, None), (float("nan"), None), (-5, 0), (500, 100), ("4", None)]
)
def test_progress_percent_is_between_0_and_100_or_unknown(percent, shown):
    progress = Progress.from_json({"status": "x" * 1000, "at": 1.0, "percent": percent})
    assert progress is not None
    assert progress.percent == shown
    assert len(progress.status) <= 50


@pytest.mark.parametrize("stored", [None, [], {"status": 5, "at": 1}, {"status": "x", "at": HUGE}, {"status": "x"}])
def test_progress_no_progress_is_none(stored):
    assert Progress.from_json(stored) is None
