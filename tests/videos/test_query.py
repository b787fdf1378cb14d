from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.entry import EntryState, Paid
from lemondata_provider.videos.progress import Progress
from lemondata_provider.videos.query import Filters, charges, choices, count, find, page, typical_seconds
from lemondata_provider.videos.states import WAITING, VideoState
from tests.videos.database import NOW, minutes

EVERYTHING = Filters()


def tasks(session: Any, filters: Filters = EVERYTHING, **options: Any) -> list[str]:
    return [video.task_instance.task_id for video in page(session, filters, **options).videos]


def walk(session: Any, filters: Filters, limit: int) -> list[list[TaskInstanceKey]]:
    """Return all pages, from cursor to cursor."""
    pages, after = [], None
    while True:
        found = page(session, filters, limit, after)
        pages.append([video.task_instance for video in found.videos])
        after = found.next
        if after is None:
            return pages


def test_page_is_newest_first_with_task_instance_and_progress(session, rows):
    rows.add("old", at=minutes(-5), model="veo3.1-fast")
    rows.add("d/r/2/new#3", "deferred", state=EntryState.SUBMITTED, progress=Progress("processing", 5.0, 40.0))
    new, old = page(session, EVERYTHING).videos
    assert (new.task_instance, new.task_state) == (TaskInstanceKey("d", "new", "r/2", 3), "deferred")
    assert (new.progress, new.try_number) == (Progress("processing", 5.0, 40.0), 1)
    assert (old.task_instance.task_id, old.entry.model, old.progress) == ("old", "veo3.1-fast", None)


def test_page_of_an_empty_database_is_empty(session):
    assert page(session, EVERYTHING) == page(session, Filters(permitted=set()))
    assert choices(session, EVERYTHING) == {"dags": [], "models": [], "operations": []}
    assert (count(session, EVERYTHING), list(charges(session, EVERYTHING))) == (0, [])


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_with_equal_times_hold_every_video_once_in_one_order(session, rows, limit):
    for number in range(7):
        rows.add(f"d/r{number % 2}/mapped#{number}", at=minutes(number // 4))
    pages = walk(session, EVERYTHING, limit)
    (whole,) = walk(session, EVERYTHING, 100)
    assert [place for part in pages for place in part] == whole
    assert len(set(whole)) == 7
    assert {len(part) for part in pages[:-1]} <= {limit}


def test_page_of_a_cursor_is_not_moved_by_newer_videos(session, rows):
    for number in range(4):
        rows.add(f"t{number}", at=minutes(number))
    first = page(session, EVERYTHING, 2)
    rows.add("newer", at=minutes(9))
    assert tasks(session, limit=2, after=first.next) == ["t1", "t0"]


@pytest.mark.parametrize(
    "cursor", ["x", "bnVsbA==", "WzEsMiwzLDRd", "WyIyMDI2LTAxLTAxIiwgOTk5OTk5OTk5OTk5LCAidCIsIDFd"]
)
def test_page_of_a_made_up_cursor_is_refused(session, cursor):
    with pytest.raises(ValueError, match="no cursor"):
        page(session, EVERYTHING, after=cursor)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(dag_id="a"), {"one", "two"}),
        (Filters(dag_id="~"), set()),
        (Filters(model="veo3.1-fast"), {"one", "three"}),
        (Filters(operation="upscale"), {"two"}),
        (Filters(model="veo3.1-fast", dag_id="b"), {"three"}),
        (Filters(since=minutes(2)), {"two", "three"}),
        (Filters(until=minutes(2)), {"one"}),
        (Filters(since=minutes(2), until=minutes(3)), {"two"}),
        (Filters(permitted={"b"}), {"three"}),
        (Filters(permitted={"b"}, dag_id="a"), set()),
        (Filters(permitted=set()), set()),
        (Filters(permitted=None), {"one", "two", "three"}),
    ],
)
def test_filters_leave_out_what_they_say(session, rows, filters, expected):
    rows.add("a/r/one", at=minutes(1), model="veo3.1-fast", operation="text-to-video", estimated_cost="1")
    rows.add("a/r/two", at=minutes(2), model="topaz", operation="upscale", estimated_cost="1")
    rows.add("b/r/three", at=minutes(3), model="veo3.1-fast", operation="text-to-video", estimated_cost="1")
    assert set(tasks(session, filters)) == expected
    assert count(session, filters) == len(expected)
    without_end = Filters(**{**vars(filters), "until": None})
    assert len(list(charges(session, filters))) == count(session, without_end)


TASK_STATES = [*sorted(WAITING), None, "success", "failed", "skipped", "removed", "upstream_failed"]


@pytest.mark.parametrize("state", list(VideoState))
def test_filter_by_state_finds_what_video_state_says(session, rows, state):
    for number, (entry_state, task_state) in enumerate((e, t) for e in EntryState for t in TASK_STATES):
        rows.add(f"t{number}", task_state, at=minutes(number), state=entry_state)
    found = page(session, Filters(state=state), 100).videos
    everything = page(session, EVERYTHING, 100).videos
    assert found == [video for video in everything if video.state is state]
    assert len(found) == count(session, Filters(state=state)) > 0


def test_find_returns_the_video_of_one_task_instance_only(session, rows):
    rows.add("d/r/t", model="m")
    rows.add("d/r/t#1", model="n")
    found = [find(session, place) for place in (TaskInstanceKey("d", "t", "r"), TaskInstanceKey("d", "t", "r", 1))]
    assert [video and video.entry.model for video in found] == ["m", "n"]
    for place in (
        TaskInstanceKey("d", "t", "r", 2),
        TaskInstanceKey("~", "t", "r"),
        TaskInstanceKey("", "t", "r"),
        TaskInstanceKey("d", "t", "r2"),
    ):
        assert find(session, place) is None


@pytest.mark.parametrize("stored", ["text", [1], {"state": "gone"}, {"state": ["failed"]}, 5])
def test_page_with_an_edited_entry_shows_the_others(session, rows, stored):
    for number in range(3):
        rows.add(f"t{number}", at=minutes(number), **({"stored_value": stored} if number == 1 else {}))
    assert [task for part in walk(session, EVERYTHING, 1) for task in part] == [
        TaskInstanceKey("dag", "t2", "run"),
        TaskInstanceKey("dag", "t0", "run"),
    ]
    assert find(session, TaskInstanceKey("dag", "t1", "run")) is None
    assert len(list(charges(session, EVERYTHING))) == 2
    typical_seconds(session, EVERYTHING, {"m"})
    choices(session, EVERYTHING)


def test_fields_of_wrong_types_fail_no_statement(session, rows):
    wrong = {"state": "completed", "model": 7, "seconds": "fast", "created": {}, "video_task": "x", "earlier": "no"}
    rows.add("t", stored_value={**wrong, "estimated_cost": ["1"], "settled_cost": "much"})
    (charge,) = charges(session, EVERYTHING)
    assert charge.at == NOW
    assert typical_seconds(session, EVERYTHING, {"7"}) == {}
    assert tasks(session, Filters(model="veo3.1-fast", state=VideoState.FAILED)) == []


def test_choices_are_of_the_permitted_dags_only(session, rows):
    rows.add("a/r/t", model="veo3.1-fast", operation="text-to-video")
    rows.add("a/r/t2", model="topaz", operation=None)
    rows.add("b/r/t", model="secret", operation="upscale")
    expected = {"dags": ["a"], "models": ["topaz", "veo3.1-fast"], "operations": ["text-to-video"]}
    assert choices(session, Filters(permitted={"a"})) == expected


def test_typical_seconds_are_the_median_of_the_last_finished_of_each_model(session, rows):
    for number, seconds in enumerate([1000.0, *[30.0, 40.0, 500.0] * 7]):  # the first is too old to count
        rows.add(f"t{number}", at=minutes(number), model="m", seconds=seconds)
    rows.add("failed", model="m", seconds=1.0, state=EntryState.FAILED)
    rows.add("other", model="n", seconds=7.0)
    assert typical_seconds(session, EVERYTHING, {"m", "n", "unheard"}) == {"m": 40.0, "n": 7.0}
    assert typical_seconds(session, Filters(permitted=set()), {"m"}) == {}


def test_charges_hold_earlier_videos_and_their_times(session, rows):
    yesterday = NOW - timedelta(days=1)
    earlier = (Paid("ldtask_0", "0.30", yesterday.timestamp()), Paid("ldtask_00"))
    created = NOW.timestamp() - 90
    rows.add("d/r/t", model="m", video_task="ldtask_1", estimated_cost="0.6", created=created, earlier=earlier)
    first, before, undated = charges(session, EVERYTHING)
    assert (first.video_task, first.estimated, first.at.timestamp()) == ("ldtask_1", "0.6", created)
    assert (before.video_task, before.estimated, before.at, before.model) == ("ldtask_0", "0.30", yesterday, "m")
    assert (undated.estimated, undated.at) == (None, NOW)


@pytest.mark.parametrize("earlier", ["[" * 100_000, "[" * 1000, 5, {"a": 1}, "text", [{"video_task": 5}]])
def test_charges_earlier_videos_were_edited_only_they_are_missing(session, rows, earlier):
    stored = {"state": "completed", "video_task": "ldtask_1", "model": 5, "earlier": earlier}
    rows.add("a/r/clip", stored_value=stored)
    assert [charge.video_task for charge in charges(session, Filters())] == ["ldtask_1"]
    assert choices(session, Filters())["dags"] == ["a"]
