"""How the entry of a video goes on with a request, a result and an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lemondata_provider.api.errors import BadRequestError, OutputUnwritableError, SubmitUnknownError, TaskFailedError
from lemondata_provider.api.redaction import shield
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.videos.entry import EntryState, VideoEntry
from lemondata_provider.videos.outcome import asked, with_error, with_result

NOW = 2_000_000_000.0
PAID = VideoEntry(EntryState.SUBMITTED, video_task="ldtask_1", created=NOW - 60, estimated_cost="0.4", model="veo3")
RESULT: dict[str, Any] = {
    "task_id": "ldtask_1",
    "status": "completed",
    "model": "veo3",
    "videos": [{"url": "https://cdn.test/v.mp4", "duration": 4.0, "width": 640, "height": 360}],
    "video_url": "https://cdn.test/v.mp4",
    "updated": "2033-05-18T03:33:00Z",
    "generation_seconds": 40.0,
    "outputs": [],
}
OUTPUT = {"uri": "s3://b/v.mp4", "size": 9, "duration": 4.5, "width": 1280, "height": 720}
STORED = {
    **RESULT,
    "outputs": [OUTPUT],
    "output_path": "s3://c@b/v.mp4",
    "poster_path": "s3://c@b/v.mp4.jpg",
    "skipped": False,
}


def test_asked_media_and_unnamed_fields_are_left_out():
    media = {"image": shield("data:image/png;base64,iVBORw0KGgo="), "image_urls": ["https://x.test/a.png?sig=1"]}
    entry = asked({**media, "duration": 4, "user": "me", "extra_params": {"token": "t"}, "model": "veo3"}, "c")
    assert entry.request == {"duration": 4}
    assert (entry.model, entry.conn_id, entry.prompt) == ("veo3", "c", None)


def test_asked_prompts_not_recorded_shows_neither_prompt():
    fields = {"prompt": "a cat", "negative_prompt": "dogs", "seed": 7}
    assert asked(fields).prompt == "a cat"
    assert asked(fields).request == {"negative_prompt": "dogs", "seed": 7}
    hidden = asked(fields, shows_prompts=False)
    assert (hidden.prompt, hidden.request) == (None, {"seed": 7})


def test_asked_secrets_in_a_prompt_are_hidden_and_long_texts_cut():
    key, payload = "sk-0123456789abcdef", "iVBORw0KGgoAAAANSUhEUgAA"
    prompt = shield(
        f"{key} data:image/png;base64,{payload} https://s3.test/x?X-Amz-Signature=0123456789abcdef0123 {'x' * 900}"
    )
    entry = asked({"prompt": prompt, "negative_prompt": "y" * 900})
    assert entry.prompt
    assert not any(secret in entry.prompt for secret in (key, payload, "0123456789abcdef0123"))
    assert len(entry.prompt) <= 500
    assert len(entry.request["negative_prompt"]) <= 100


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], {"a": 1}, None, ""])
def test_asked_field_that_is_no_short_value_is_left_out(value):
    entry = asked({"cfg_scale": value, "prompt": value if isinstance(value, (list, dict)) else None})
    assert (entry.request, entry.prompt) == ({}, None)


def test_with_result_stored_video_has_the_facts_of_its_file_and_the_cost_of_its_submit():
    entry = with_result(PAID, {**STORED, "estimated_cost_usd": "9"}, NOW)
    assert (entry.state, entry.file, entry.size, entry.width) == (EntryState.COMPLETED, "s3://c@b/v.mp4", 9, 1280)
    assert (entry.estimated_cost, entry.stored, entry.ended, entry.seconds) == ("0.4", NOW, NOW, 40.0)
    assert (entry.poster, bool(entry.completed)) == ("s3://c@b/v.mp4.jpg", True)
    assert entry.remote_url == RESULT["video_url"]


def test_with_result_without_file_has_the_facts_of_the_video():
    entry = with_result(PAID, RESULT, NOW)
    assert (entry.state, entry.width, entry.stored, entry.file) == (EntryState.COMPLETED, 640, None, None)


def test_with_result_pending_task_stays_submitted():
    entry = with_result(PAID, {**RESULT, "status": "pending", "videos": [], "video_url": None}, NOW)
    assert (entry.state, entry.completed) == (EntryState.SUBMITTED, None)


def test_with_result_signed_link_is_left_out():
    assert with_result(PAID, {**RESULT, "video_url": "https://cdn.test/v.mp4?sig=abc"}, NOW).remote_url is None


def test_with_result_file_of_others_is_skipped_and_a_file_of_its_own_is_not():
    found = {**STORED, "skipped": True}
    assert with_result(PAID, found, NOW).skipped is False
    others = with_result(VideoEntry(EntryState.SUBMITTED), {**found, "estimated_cost_usd": "9"}, NOW)
    assert (others.skipped, others.estimated_cost, others.video_task) == (True, None, "ldtask_1")


@pytest.mark.parametrize(
    ("error", "state", "cost"),
    [
        (BadRequestError("no"), EntryState.FAILED, "0.4"),
        (OutputUnwritableError("full"), EntryState.FAILED, "0.4"),
        (TaskFailedError("content"), EntryState.FAILED, None),
        (SubmitUnknownError("lost"), EntryState.UNKNOWN, "0.4"),
    ],
)
@pytest.mark.parametrize("wraps", [lambda error: error, LemonDataFailException])
def test_with_error_keeps_the_task_and_a_failed_generation_costs_nothing(error, state, cost, wraps):
    entry = with_error(PAID, wraps(error), NOW)
    assert (entry.state, entry.estimated_cost, entry.video_task, entry.ended) == (state, cost, "ldtask_1", NOW)
    assert entry.error
    assert entry.error.message == error.message


def test_with_error_has_code_hint_and_request_id_and_the_task_that_it_names():
    hints = {"did_you_mean": "veo3"}
    error = BadRequestError("no", code="model_not_found", hints=hints, request_id="req_1", task_id="ldtask_2")
    entry = with_error(VideoEntry(EntryState.SUBMITTED), error, NOW)
    assert entry.error
    assert (entry.error.code, entry.error.request_id, entry.video_task) == ("model_not_found", "req_1", "ldtask_2")
    assert "veo3" in (entry.error.hint or "")


def test_with_error_other_exception_is_named_without_its_secrets():
    entry = with_error(PAID, KeyError("sk-0123456789abcdef"), NOW)
    assert entry.error
    assert "KeyError" in entry.error.message
    assert "0123456789abcdef" not in entry.error.message


@pytest.mark.parametrize("result", [RESULT, STORED])
def test_entry_through_json_is_the_same(result):
    entry = with_result(PAID, result, NOW)
    assert VideoEntry.from_json(json.loads(json.dumps(entry.to_json()))) == entry
