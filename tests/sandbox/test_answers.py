from __future__ import annotations

from datetime import datetime

import pytest


@pytest.mark.parametrize(
    ("form", "names"),
    [("both", {"id", "task_id"}), ("id", {"id"}), ("task_id", {"task_id"}), ("none", set())],
)
def test_the_identity_has_the_names_that_were_asked_for(api, form, names):
    api.sandbox.configure(id_field=form)
    task = api.create()
    assert task.keys() & {"id", "task_id"} == names
    assert api.poll(task).keys() & {"id", "task_id"} == names


def test_ids_begin_as_asked_for(api):
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
def test_the_poll_url_has_each_form(api, form, url):
    api.sandbox.configure(poll_url_form=form)
    task = api.create()
    assert task["poll_url"] == url.format(id=task["id"], base=api.sandbox.url)
    if form != "elsewhere":
        assert api.poll(task)["poll_url"] == task["poll_url"]


def test_a_poll_url_with_a_token_is_only_good_with_it(api):
    api.sandbox.configure(poll_url_form="query")
    task = api.create()
    assert api.poll(task)["status"] == "pending"
    stripped = api.http.get(task["poll_url"].partition("?")[0])
    assert (stripped.status_code, stripped.json()["error"]["code"]) == (404, "async_task_not_found")


def test_the_poll_url_can_be_missing(api):
    api.sandbox.configure(poll_url_form="missing")
    assert "poll_url" not in api.create()
    api.sandbox.configure(poll_url_form="path", poll_url_in_polls=False)
    assert "poll_url" not in api.poll(api.create())


def test_times_have_each_form(api):
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


def test_every_status_has_the_word_that_was_asked_for(api):
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
def test_progress_has_each_form(api, form, shown):
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
def test_the_video_is_where_it_was_asked_for(api, form, find, wrong_types):
    api.sandbox.configure(video_form=form, wrong_types=wrong_types)
    task = api.finish(resolution="1080p", aspect_ratio="9:16")
    assert find(task) == f"{api.sandbox.url}/files/{task['id']}.mp4"
    if form == "video":
        assert (task["video"]["width"], task["video"]["height"], task["video"]["duration"]) == (270, 480, 4)


def test_a_completed_task_can_lack_its_video(api):
    api.sandbox.configure(video_form="none")
    assert api.finish().keys().isdisjoint({"video_url", "video", "videos"})


def test_the_video_can_come_some_polls_late(api):
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
def test_a_failed_task_says_why_in_each_form(api, form, error):
    api.sandbox.configure(error_form=form)
    task = api.finish(prompt="[fail:Blocked.]")
    assert (task["status"], task["error"]) == ("failed", error)
    assert "video_url" not in task


def test_a_refusal_can_be_a_string(api):
    api.sandbox.configure(http_error_form="string")
    assert api.post(prompt="").json() == {"error": "text-to-video needs prompt."}


def test_undocumented_fields_come_where_asked_for(api):
    api.sandbox.configure(unknown_fields=True, video_form="video")
    task = api.finish()
    assert "x_queue" in task
    assert "x_queue" in task["video"]
    assert "x_queue" in api.post(prompt="").json()["error"]


def test_optional_fields_can_have_the_wrong_type(api):
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


def test_settlement_is_shown_once_a_task_has_ended(api):
    task = api.create()
    assert "billing_transaction_id" not in api.poll(task)
    api.clock.forward(10)
    settled = api.poll(task)["billing_transaction_id"]
    assert [entry.transaction_id for entry in api.sandbox.ledger.creates] == [settled]
