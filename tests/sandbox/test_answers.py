from __future__ import annotations

from datetime import datetime

import pytest


@pytest.mark.parametrize(
    ("form", "names"),
    [("both", {"id", "task_id"}), ("id", {"id"}), ("task_id", {"task_id"}), ("none", set())],
)
def test_id_field_each_form_names_the_id(api, form, names):
    api.sandbox.configure(id_field=form)
    task = api.create()
    assert task.keys() & {"id", "task_id"} == names
    assert api.poll(task).keys() & {"id", "task_id"} == names


def test_id_prefix_set_begins_the_id(api):
    api.sandbox.configure(id_prefix="video_")
    assert api.create()["id"].startswith("video_")


@pytest.mark.parametrize(
    ("form", "url"),
    [
        ("path", "/v1/tasks/{id}"),
        ("absolute", "{base}/v1/tasks/{id}"),
        ("elsewhere", "https://elsewhere.invalid/v1/tasks/{id}"),
        ("compatibility", "/v1/videos/generations/{id}"),
    ],
)
def test_poll_url_form_each_form_sets_poll_url(api, form, url):
    api.sandbox.configure(poll_url_form=form)
    task = api.create()
    assert task["poll_url"] == url.format(id=task["id"], base=api.sandbox.url)
    if form != "elsewhere":
        assert api.poll(task)["poll_url"] == task["poll_url"]


def test_poll_url_form_query_requires_the_token(api):
    api.sandbox.configure(poll_url_form="query")
    task = api.create()
    assert api.poll(task)["status"] == "pending"
    stripped = api.http.get(task["poll_url"].partition("?")[0])
    assert (stripped.status_code, stripped.json()["error"]["code"]) == (404, "async_task_not_found")


def test_poll_url_form_missing_omits_poll_url(api):
    api.sandbox.configure(poll_url_form="missing")
    assert "poll_url" not in api.create()
    api.sandbox.configure(poll_url_form="path", poll_url_in_polls=False)
    assert "poll_url" not in api.poll(api.create())


def test_time_fields_each_form_sets_names_and_types(api):
    task = api.create()
    assert isinstance(task["created"], int)
    assert task.keys().isdisjoint({"updated", "created_at"})
    assert isinstance(api.poll(task)["updated"], int)
    api.sandbox.configure(time_fields="old")
    assert api.poll(task).keys() & {"created_at", "completed_at"} == {"created_at"}
    done = api.finish()
    assert done["completed_at"] == pytest.approx(done["created_at"] + 10, abs=1)
    api.sandbox.configure(time_fields="iso")
    assert datetime.fromisoformat(api.create()["created_at"]).tzinfo is not None
    api.sandbox.configure(time_fields="none")
    assert api.finish().keys().isdisjoint({"created", "updated", "created_at", "completed_at"})


def test_status_words_set_replace_each_status(api):
    api.sandbox.configure(
        pending_word="queued", processing_word="cooking", completed_word="succeeded", failed_word="expired"
    )
    task = api.create()
    assert task["status"] == "queued"
    api.clock.forward(5)
    assert api.poll(task)["status"] == "cooking"
    api.clock.forward(5)
    assert api.poll(task)["status"] == "succeeded"
    assert api.finish(prompt="[fail]")["status"] == "expired"


@pytest.mark.parametrize(
    ("form", "shown"),
    [("number", 50), ("percent", "50%"), ("missing", None), ("stuck", 7), ("wrong_type", {"done": 50, "of": [100]})],
)
def test_progress_each_form_sets_progress(api, form, shown):
    api.sandbox.configure(progress=form)
    task = api.create()
    api.clock.forward(5)
    assert api.poll(task).get("progress") == shown


@pytest.mark.parametrize(
    ("form", "find"),
    [
        ("video_url", lambda task: task["video_url"]),
        ("video", lambda task: task["video"]["url"]),
        ("videos", lambda task: task["videos"][0]["url"]),
        ("urls", lambda task: task["videos"][0]),
        ("all", lambda task: task["video_url"]),
    ],
)
@pytest.mark.parametrize("wrong_types", [False, True])
def test_video_form_each_form_places_the_url(api, form, find, wrong_types):
    api.sandbox.configure(video_form=form, wrong_types=wrong_types)
    task = api.finish(resolution="1080p", aspect_ratio="9:16")
    assert find(task) == f"{api.sandbox.url}/files/{task['id']}.mp4"
    if form == "video":
        assert (task["video"]["width"], task["video"]["height"], task["video"]["duration"]) == (270, 480, 4)


def test_video_form_none_omits_the_video(api):
    api.sandbox.configure(video_form="none")
    assert api.finish().keys().isdisjoint({"video_url", "video", "videos"})


def test_video_url_late_set_omits_the_url_in_the_first_polls(api):
    api.sandbox.configure(video_url_late=2)
    task = api.create()
    api.clock.forward(10)
    polls = [api.poll(task) for _ in range(3)]
    assert [poll["status"] for poll in polls] == ["completed"] * 3
    assert ["video_url" in poll for poll in polls] == [False, False, True]


@pytest.mark.parametrize(
    ("form", "error"),
    [("object", {"code": "generation_failed", "message": "Blocked."}), ("string", "Blocked.")],
)
def test_error_form_each_form_sets_the_error_of_a_failed_task(api, form, error):
    api.sandbox.configure(error_form=form)
    task = api.finish(prompt="[fail:Blocked.]")
    assert (task["status"], task["error"]) == ("failed", error)
    assert "video_url" not in task


def test_http_error_form_string_makes_the_error_a_string(api):
    api.sandbox.configure(http_error_form="string")
    assert api.post(prompt="").json() == {"error": "text-to-video needs prompt."}


def test_unknown_fields_on_adds_undocumented_fields(api):
    api.sandbox.configure(unknown_fields=True, video_form="video")
    task = api.finish()
    assert "x_queue" in task
    assert "x_queue" in task["video"]
    assert "x_queue" in api.post(prompt="").json()["error"]


def test_wrong_types_on_changes_types_of_optional_fields(api):
    api.sandbox.configure(wrong_types=True)
    task = api.create()
    assert isinstance(task["id"], str)
    assert isinstance(task["created"], str)
    assert api.poll(task)["progress"] == "0"
    failed = api.finish(prompt="[fail]")
    assert failed["status"] == "failed"
    assert isinstance(failed["error"], list)
    error = api.post(model="sora2").json()["error"]
    assert error["code"] == "model_not_found"
    assert error["suggestions"].keys() == {"items"}
    assert api.post(prompt="").json()["error"]["param"] == ["prompt"]


def test_billing_transaction_id_task_ended_is_in_the_poll(api):
    task = api.create()
    assert "billing_transaction_id" not in api.poll(task)
    api.clock.forward(10)
    settled = api.poll(task)["billing_transaction_id"]
    assert [entry.transaction_id for entry in api.sandbox.ledger.creates] == [settled]
