from __future__ import annotations

import httpx
import pytest


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("", "invalid_api_key"),
        ("Bearer sk-wrong", "invalid_api_key"),
        ("sk-sandbox", "invalid_api_key"),
        ("Bearer sk-old", "expired_api_key"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/pricing", "/v1/tasks/x"])
def test_admit_invalid_key_is_refused(api, authorization, expected, path):
    api.sandbox.configure(expired_keys=["sk-old"], edition="2026-05")
    assert code(api.http.get(path, headers={"Authorization": authorization})) == (401, expected)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/veo3.1", "/v1/pricing", "/v1/models/veo3.1/pricing"])
def test_admit_without_a_key_lets_discovery_in_and_nothing_else(api, path):
    assert api.http.get(path, headers={"Authorization": ""}).status_code == 200
    assert code(api.http.get(path, headers={"Authorization": "Bearer sk-wrong"})) == (401, "invalid_api_key")
    assert code(api.http.get("/v1/tasks/x", headers={"Authorization": ""})) == (401, "invalid_api_key")


def test_create_balance_too_low_is_refused(api):
    api.sandbox.configure(balance_usd=0.9)
    api.create()
    api.create()
    refused = api.post()
    assert code(refused) == (402, "insufficient_balance")
    assert refused.json()["error"]["balance_usd"] == 0.1
    assert refused.json()["error"]["estimated_cost_usd"] == 0.4
    assert len(api.sandbox.ledger.creates) == 2


@pytest.mark.parametrize(("refund", "spent"), [(False, "0.40"), (True, "0")])
def test_refund_failed_each_value_sets_the_amount_spent(api, refund, spent):
    api.sandbox.configure(refund_failed=refund)
    api.finish(prompt="[fail]")
    assert str(api.sandbox.ledger.spent) == spent


def test_rate_limit_window_full_answers_429(api):
    api.sandbox.configure(requests_per_minute=3)
    task = api.create()
    api.poll(task)
    assert api.http.get("/v1/models").status_code == 200
    refused = api.post()
    assert code(refused) == (429, "rate_limit_exceeded")
    assert 59 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["error"]["retry_after"] == int(refused.headers["Retry-After"])
    assert api.http.get(f"/files/{task['id']}.mp4").status_code == 404
    api.clock.forward(60)
    assert api.poll(task)["status"] == "completed"
    ledger = api.sandbox.ledger
    assert (len(ledger.creates), ledger.requests("create", 429), ledger.requests("poll")) == (1, 1, 2)


def test_rate_limit_headers_on_are_on_every_answer(api):
    api.sandbox.configure(rate_limit_headers=True)
    assert api.post().headers["X-RateLimit-Limit"] == "1000"
    api.sandbox.configure(requests_per_minute=2)
    answers = [api.post(prompt=""), api.post()]
    assert [answer.status_code for answer in answers] == [400, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["0", "0"]
    assert float(answers[0].headers["X-RateLimit-Reset"]) > api.clock()


def test_cancel_queued_task_refunds_it(api):
    task = api.create(model="seedance-2.0")
    cancelled = api.http.delete(f"/v1/tasks/{task['id']}").json()
    assert cancelled["status"] == "failed"
    assert cancelled["cancelled"] is True
    assert cancelled["cancellation_status"] == "cancelled"
    api.clock.forward(60)
    assert api.poll(task) == {**cancelled, "updated": cancelled["updated"]}
    (entry,) = api.sandbox.ledger.creates
    assert (entry.cancelled, entry.transaction_id, api.sandbox.ledger.spent) == (True, None, 0)
    assert api.sandbox.ledger.requests("cancel") == 1


@pytest.mark.parametrize(
    ("model", "seconds", "expected"),
    [
        ("sora-2", 0, (400, "unsupported_task_cancel")),
        ("seedance-1.5-pro", 5, (409, "task_not_cancellable")),
        ("seedance-1.5-pro", 60, (409, "task_not_cancellable")),
    ],
)
def test_cancel_other_task_is_refused(api, model, seconds, expected):
    task = api.create(model=model)
    api.clock.forward(seconds)
    assert code(api.http.delete(f"/v1/tasks/{task['id']}")) == expected


def test_cancel_task_of_another_key_is_refused(api):
    api.sandbox.configure(other_keys=["sk-other"])
    task = api.create(model="seedance-2.0")
    other = {"Authorization": "Bearer sk-other"}
    assert code(api.http.delete(f"/v1/tasks/{task['id']}", headers=other)) == (403, "access_denied")


def test_task_unknown_id_is_not_found(api):
    for verb, path in (("GET", "tasks"), ("GET", "videos/generations"), ("DELETE", "tasks")):
        assert code(api.http.request(verb, f"/v1/{path}/x")) == (404, "async_task_not_found")


def test_forget_after_elapsed_task_is_not_found(api):
    api.sandbox.configure(forget_after=60)
    task = api.finish()
    api.clock.forward(51)
    assert code(api.http.get(task["poll_url"])) == (404, "async_task_not_found")
    assert code(api.http.get(task["video_url"])) == (404, "async_task_not_found")


def test_configure_existing_task_keeps_its_times(api):
    task = api.create()
    api.sandbox.configure(generation_seconds=1000)
    api.clock.forward(10)
    assert api.poll(task)["status"] == "completed"


def test_overview_running_task_shows_its_state(api):
    api.create(prompt="a " * 100)
    api.clock.forward(5)
    (row,) = api.sandbox.tasks
    assert (row["model"], row["operation"], row["status"]) == ("sora-2", "text-to-video", "processing")
    assert row["progress"] == 50
    assert row["elapsed"] == pytest.approx(5, abs=0.5)
    assert len(row["prompt"]) == 60


def test_reset_changed_sandbox_restores_settings_and_clears_tasks(api):
    task = api.create()
    api.sandbox.configure(generation_seconds=99)
    api.sandbox.fault("error")
    api.sandbox.reset()
    assert api.sandbox.settings.generation_seconds == 10
    assert api.sandbox.ledger.creates == api.sandbox.ledger.calls == api.sandbox.tasks == []
    assert api.http.get(task["poll_url"]).status_code == 404
    assert api.post().status_code == 200
