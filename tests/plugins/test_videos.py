from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter

from lemondata_provider import __version__
from lemondata_provider.plugins import answers
from lemondata_provider.plugins.app import build
from lemondata_provider.videos.entry import EntryError, EntryState, Paid
from lemondata_provider.videos.progress import Progress
from tests.videos.database import NOW, minutes

TODAY = datetime.now(timezone.utc)
ROUTES = {
    "/api/videos": answers.VideoPage,
    "/api/in-flight": answers.Videos,
    "/api/filters": answers.Choices,
    "/api/spend": answers.Spend,
    "/api/summary": answers.Summary,
    "/api/video?dag_id=dag&run_id=run&task_id=clip": answers.Video,
}


def get(client: Any, path: str, status: int = 200, **query: Any) -> Any:
    response = client.get(path, params=query or None)
    assert response.status_code == status, response.text
    return response.json()


def names(answer: Any) -> list[str]:
    return [video["task_id"] for video in answer["videos"]]


@pytest.mark.parametrize("path", ROUTES)
def test_answer_has_the_shape_of_the_openapi_document(client, rows, path):
    everything: dict[str, Any] = {
        "error": EntryError("No.", "code", "hint", "req_1"),
        "earlier": (Paid("ldtask_0", "0.1", 5.0),),
        "request": {"duration": 4},
        "model": "m",
        "created": TODAY.timestamp(),
        "estimated_cost": "0.60",
    }
    rows.add("clip", at=TODAY, **everything)
    progress = Progress("processing", TODAY.timestamp() + 1, 5.0)
    rows.add("flying", "deferred", at=TODAY, **everything, state=EntryState.SUBMITTED, progress=progress)
    answer = get(client, path)
    TypeAdapter(ROUTES[path]).validate_python(answer, strict=False, extra="forbid")


@pytest.mark.parametrize("path", [*ROUTES, "/api/openapi.json"])
def test_route_answers_head_like_get_and_no_other_method(client, rows, path):
    rows.add("clip")
    assert client.head(path).status_code == client.get(path).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, path).status_code == 405


def test_openapi_document_lists_the_routes_with_their_refusals(client):
    paths = get(client, "/api/openapi.json")["paths"]
    for path in ROUTES:
        operation = paths[path.partition("?")[0]]["get"]
        assert {"200", "401", "403", "422"} <= set(operation["responses"])
        assert "$ref" in operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert all(set(methods) <= {"get"} for methods in paths.values())


def test_videos_are_paged_by_their_own_cursor(client, rows):
    for number in range(5):
        rows.add(f"t{number}", at=minutes(number))
    first = get(client, "/api/videos", limit=3)
    second = get(client, "/api/videos", limit=3, after=first["next"])
    assert names(first) + names(second) == ["t4", "t3", "t2", "t1", "t0"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"dag_id": "b"}, ["two"]),
        ({"model": "m"}, ["one"]),
        ({"operation": "upscale"}, ["two"]),
        ({"state": "failed"}, ["two"]),
        ({"since": "2026-11-20T12:05:00Z"}, ["two"]),
        ({"since": "2026-11-20T13:05:00.000+01:00"}, ["two"]),
        ({"until": "2026-11-20T12:05:00"}, ["one"]),
        ({"since": "2026-11-20", "until": "2026-11-20"}, ["two", "one"]),
        ({"until": "2026-11-19"}, []),
        ({"dag_id": "", "model": "", "since": ""}, ["two", "one"]),
        ({"dag_id": "~"}, []),
    ],
)
def test_videos_are_filtered_by_the_query_string(client, rows, query, expected):
    rows.add("a/r/one", at=NOW, model="m", operation="text-to-video")
    rows.add("b/r/two", at=minutes(10), model="n", operation="upscale", state=EntryState.FAILED)
    assert names(get(client, "/api/videos", **query)) == expected


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("videos", {"since": "yesterday"}, "since"),
        ("videos", {"until": "2026-13-01"}, "until"),
        ("videos", {"until": "9999-12-31"}, "until"),
        ("spend", {"since": "0001-01-01T00:00:00+14:00"}, "since"),
        ("spend", {"by": "week"}, "by"),
        ("videos", {"state": "lost"}, "state"),
        ("videos", {"limit": "101"}, "limit"),
        ("videos", {"limit": "0"}, "limit"),
        ("videos", {"after": "made-up"}, "after"),
        ("videos", {"model": "\0"}, "NUL"),
        ("video", {"dag_id": "dag", "run_id": "run", "task_id": "t", "map_index": "x"}, "map_index"),
        ("video", {"dag_id": "dag", "run_id": "run", "task_id": "t", "map_index": str(2**70)}, "map_index"),
        ("video", {"run_id": "run", "task_id": "t"}, "dag_id"),
    ],
)
def test_wrong_query_is_refused_in_a_sentence_that_names_it(client, path, query, named):
    detail = get(client, f"/api/{path}", 422, **query)["detail"]
    assert named in detail
    assert detail.endswith(".")


def test_video_of_a_mapped_task_instance_is_found_and_another_is_not(client, rows):
    rows.add("a/scheduled__2026-11-20T00:00:00+00:00/x/y#2", model="m")
    place: dict[str, Any] = {
        "dag_id": "a",
        "run_id": "scheduled__2026-11-20T00:00:00+00:00/x",
        "task_id": "y",
        "map_index": 2,
    }
    assert get(client, "/api/video", **place)["model"] == "m"
    assert get(client, "/api/video", 404, **{**place, "map_index": 1})["detail"].endswith(".")
    assert get(client, "/api/video", 404, **{**place, "dag_id": "~"})["detail"].endswith(".")


def test_in_flight_has_the_rest_by_the_last_finished_of_that_model(client, rows):
    rows.add("done", model="m", seconds=1000.0)
    flying = {"state": EntryState.SUBMITTED, "created": TODAY.timestamp() - 100}
    rows.add("flying", "deferred", model="m", **flying)
    rows.add("new model", "running", model="n", **flying)
    videos = {video["model"]: video for video in get(client, "/api/in-flight")["videos"]}
    assert videos["m"]["rest_seconds"] + videos["m"]["age_seconds"] == pytest.approx(1000, abs=0.2)
    assert videos["n"]["rest_seconds"] is None


def test_rows_of_other_dags_are_not_listed_counted_or_summed(client, rows, permitted):
    for dag in ("a", "b"):
        rows.add(f"{dag}/r/done", at=TODAY, model=f"m-{dag}", operation=f"o-{dag}", estimated_cost="1", seconds=5.0)
        rows.add(f"{dag}/r/flying", "deferred", at=TODAY, model="m", state=EntryState.SUBMITTED)
    permitted.clear()
    permitted.add("a")
    assert {video["dag_id"] for video in get(client, "/api/videos")["videos"]} == {"a"}
    assert [video["dag_id"] for video in get(client, "/api/in-flight")["videos"]] == ["a"]
    assert get(client, "/api/filters")["models"] == ["m", "m-a"]
    assert [row["key"] for row in get(client, "/api/spend", by="dag")["rows"]] == ["a"]
    summary = get(client, "/api/summary")
    assert (summary["in_flight"], summary["today"]["estimated"]) == (1, "1.00")
    assert names(get(client, "/api/videos", dag_id="b")) == []


def test_summary_is_of_today_and_spend_of_the_time_that_is_asked_for(client, rows):
    rows.add("today", at=TODAY, created=TODAY.timestamp(), estimated_cost="1")
    # Written again today, but paid for long ago.
    rows.add("kept", at=TODAY, created=NOW.timestamp() - 90 * 86_400, estimated_cost="5")
    assert get(client, "/api/summary")["today"] == {
        "videos": 1,
        "estimated": "1.00",
        "settled": "0.00",
        "cost_unknown": 0,
    }
    assert get(client, "/api/spend", by="day")["total"]["estimated"] == "6.00"
    assert get(client, "/api/spend", until="2026-09-30")["total"]["estimated"] == "5.00"


@pytest.mark.parametrize("broken", ['"\ud800"', "NaN", "Infinity"])
def test_page_with_a_value_that_is_no_json_shows_the_others(client, rows, broken):
    rows.add("fine")
    rows.add("broken", stored_value={"state": "completed", "request": {"x": json.loads(broken)}, "width": 5})
    assert sorted(names(get(client, "/api/videos"))) == ["broken", "fine"]


def test_static_files_are_asked_for_again_and_hold_their_type(client):
    response = client.get(f"/static/{__version__}/videos.js")
    assert response.status_code == client.head(f"/static/{__version__}/videos.js").status_code == 200
    assert "javascript" in response.headers["Content-Type"]
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("../plugin.py", "%2e%2e/plugin.py", "", "nothing.js"):
        assert client.get(f"/static/{__version__}/{path}").status_code == 404


def test_app_holds_the_auth_manager_that_airflows_dependencies_look_for():
    manager = object()
    assert build(auth_manager=manager).state.auth_manager is manager
