from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.card import card
from lemondata_provider.videos.entry import EntryError, EntryState, Paid, VideoEntry
from lemondata_provider.videos.progress import Progress
from lemondata_provider.videos.query import StoredVideo

CREATED = 1_800_000_000.0
PLACE = TaskInstanceKey("d", "t & u", "manual__2026/1", 3)


def show(state: EntryState = EntryState.COMPLETED, task_state: str | None = "success", **fields: Any) -> dict[str, Any]:
    progress = fields.pop("progress", None)
    options = {"why_not": lambda file: None, "typical_seconds": {}, "now": CREATED + 30, **fields.pop("options", {})}
    stored = StoredVideo(PLACE, 2, task_state, VideoEntry(state, **fields), progress)
    return card(stored, **options)


def flying(**fields: Any) -> dict[str, Any]:
    return show(EntryState.SUBMITTED, "deferred", **{"created": CREATED, "model": "m", **fields})


def test_card_of_a_finished_video_has_everything_that_is_known_of_it():
    shown = show(
        video_task="ldtask_1",
        model="m",
        prompt="<b>x</b>",
        request={"duration": 4},
        created=CREATED,
        completed=CREATED + 20.5,
        size=5,
        settled_cost="0.1",
        earlier=(Paid("ldtask_0", "0.2", CREATED),),
    )
    assert {name: shown[name] for name in vars(PLACE)} == vars(PLACE)
    assert (shown["state"], shown["try_number"], shown["video_task"]) == ("completed", 2, "ldtask_1")
    assert (shown["prompt"], shown["request"], shown["size"]) == ("<b>x</b>", {"duration": 4}, 5)
    assert shown["cost"] == {"estimated": None, "settled": "0.1"}
    assert (shown["timeline"]["completed"], shown["timeline"]["stored"]) == ("2027-01-15T08:00:20.500Z", None)
    assert shown["earlier"] == [{"video_task": "ldtask_0", "cost": "0.2", "at": "2027-01-15T08:00:00.000Z"}]
    assert (shown["error"], shown["repair"], shown["age_seconds"]) == (None, None, None)


def test_card_says_nothing_of_connections_files_and_poll_urls():
    secret: dict[str, Any] = {"conn_id": "secret-1", "file": "secret-2", "poster": "secret-3", "poll_url": "secret-4"}
    assert "secret" not in json.dumps(show(**secret))


def test_card_media_are_addresses_that_name_the_task_instance():
    media = show(file="f", poster="p")["media"]
    for name in ("video", "poster"):
        address = urlsplit(media[name])
        assert address.path == f"media/{name}"
        assert dict(parse_qsl(address.query)) == {key: str(value) for key, value in vars(PLACE).items()}
    assert media["why_not"] is None


def test_card_without_a_poster_has_none():
    assert show(file="f")["media"]["poster"] is None


def test_card_of_a_file_that_is_not_streamed_says_why():
    media = show(file="f", poster="p", options={"why_not": lambda file: f"Not {file}."})["media"]
    assert media == {"video": None, "poster": None, "why_not": "Not f."}


@pytest.mark.parametrize("state", [EntryState.FAILED, EntryState.SUBMITTED])
def test_card_without_a_video_gives_no_reason_why_there_is_no_file(state):
    shown = show(state, options={"why_not": lambda file: "No file."})
    assert shown["media"] == {"video": None, "poster": None, "why_not": None}


def test_card_in_flight_has_progress_age_and_rest():
    shown = flying(progress=Progress("processing", CREATED + 10, 40.0), options={"typical_seconds": {"m": 50.0}})
    assert shown["state"] == "in_flight"
    assert shown["progress"] == {"percent": 40.0, "status": "processing", "at": "2027-01-15T08:00:10.000Z"}
    assert (shown["age_seconds"], shown["rest_seconds"]) == (30.0, 20.0)


@pytest.mark.parametrize(("typical", "rest"), [({}, None), ({"other": 5.0}, None), ({"m": 10.0}, 0.0)])
def test_card_rest_is_never_negative_and_unknown_without_finished_videos(typical, rest):
    assert flying(options={"typical_seconds": typical})["rest_seconds"] == rest


def test_card_progress_of_an_earlier_video_is_not_shown():
    assert flying(progress=Progress("processing", CREATED - 1, 99.0))["progress"] is None


def test_card_of_an_ended_video_has_no_progress():
    assert show(created=CREATED, progress=Progress("processing", CREATED + 1))["progress"] is None


def test_card_of_a_failed_video_has_reason_hint_and_request_id():
    error = EntryError("Too dark.", "content_policy", "Add light.", "req_1")
    shown = show(EntryState.FAILED, "failed", error=error)
    assert shown["error"] == vars(error)
    assert shown["repair"] is None


def test_card_poster_is_not_streamed_plain_tile_stands_for_it():
    media = show(file="f", poster="p", options={"why_not": lambda file: None if file == "f" else "No."})["media"]
    assert (media["poster"], media["why_not"]) == (None, None)
    assert media["video"]


def test_card_repair_depends_on_why_nothing_is_known():
    left, lost = show(EntryState.SUBMITTED, "failed"), show(EntryState.UNKNOWN, "failed")
    assert left["state"] == lost["state"] == "unknown"
    assert "TaskSensor(poll_url=" in left["repair"]
    assert "airflow lemondata unknown" in lost["repair"]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/hostname", "http://[", ""])
def test_card_remote_url_leads_to_the_web_only(address):
    assert show(remote_url=address)["remote_url"] is None
    assert show(remote_url="https://example.com/v.mp4")["remote_url"] == "https://example.com/v.mp4"


@pytest.mark.parametrize("at", [1e300, float("nan"), float("inf"), -1e18])
def test_card_of_an_edited_time_has_none(at):
    assert show(created=at, ended=at)["created"] is None
    assert flying(created=at)["state"] == "in_flight"
