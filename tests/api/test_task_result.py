"""The result of a task, as tasks downstream get it."""

from __future__ import annotations

import json

from lemondata_provider.api.submit_facts import SubmitFacts
from tests.api.payloads import A, read_task

RESULT = {
    "task_id": "ldtask_1",
    "poll_url": "/v1/tasks/ldtask_1",
    "status": "completed",
    "progress": 100.0,
    "video_url": A,
    "videos": [{"url": A, "duration": 5.0, "width": 1280, "height": 720}],
    "last_frame_url": None,
    "billing_transaction_id": "bill_1",
    "estimated_cost_usd": None,
    "model": "sora-2",
    "operation": None,
    "generation_seconds": 0.0,
    "created": "2023-11-14T22:13:20Z",
    "updated": "2023-11-14T22:13:20Z",
}


def test_result_completed_task_is_plain_json_with_every_field() -> None:
    task = read_task(
        status="succeeded",
        progress="100%",
        videos=[{"url": A, "duration": "5", "width": 1280, "height": 720.0}],
        billing_transaction_id="bill_1",
        model="sora-2",
        created=1_700_000_000,
        completed_at="2023-11-14T22:13:20Z",
    )
    assert task.result() == RESULT
    assert json.loads(json.dumps(task.result())) == RESULT


def test_result_empty_task_has_the_same_keys() -> None:
    empty = read_task().result()
    assert empty.keys() == RESULT.keys()
    assert (empty["video_url"], empty["videos"], empty["status"]) == (None, [], "pending")


def test_submit_facts_answer_without_model_completes_the_result() -> None:
    facts = SubmitFacts("sora-2", "image-to-video", "0.4")
    assert facts.complete(read_task().result())["model"] == "sora-2"
    result = facts.complete(read_task(model="sora-2-1024").result())
    assert (result["model"], result["operation"], result["estimated_cost_usd"]) == (
        "sora-2-1024",
        "image-to-video",
        "0.4",
    )
    assert SubmitFacts.from_result(result) == SubmitFacts("sora-2-1024", "image-to-video", "0.4")
    assert SubmitFacts.from_result("/v1/tasks/t1") == SubmitFacts()
