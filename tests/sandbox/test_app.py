from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.sandbox import videos
from lemondata_provider.sandbox.models import inventory


def test_app_models_and_pricing_paths_answer_the_inventory(api):
    get, models = api.http.get, inventory()
    assert [one["id"] for one in get("/v1/models", params={"category": "video"}).json()["data"]] == [*models]
    of_xai = get("/v1/models", params={"recommended_for": "video", "provider": "xAI"}).json()["data"]
    assert [one["id"] for one in of_xai] == [name for name, model in models.items() if model.owned_by == "xAI"]
    contract = get("/v1/models/veo3.1").json()["tokenlab"]["request_format_details"]
    assert contract["operation_constraints"][0]["allowed_durations"] == ["4", "6", "8"]
    assert get("/v1/models/veo9").json()["error"]["code"] == "model_not_found"
    assert [one["model"] for one in get("/v1/pricing").json()["data"]] == [*models]
    one = get("/v1/pricing", params={"model": "sora-2"}).json()
    assert one["data"][0]["pricing_summary"]["per_second"] == "0.10"
    assert get("/v1/models/sora-2/pricing").json()["scalar_pricing"] == {"per_second": "0.10"}
    api.sandbox.configure(edition="2026-05", pricing_form="old")
    assert get("/v1/models/veo3.1").json()["lemondata"]["public_contract"]["allowed_durations"] == [4, 6, 8]
    assert get("/v1/pricing?model=sora-2").json()["object"] == "list"
    assert api.sandbox.ledger.requests("models", 200) == 8


def test_create_invalid_request_is_not_charged(api):
    assert api.post(model="sora2").json()["error"]["did_you_mean"] == "sora-2"
    assert api.http.post("/v1/videos/generations", content=b"{half").status_code == 400
    assert api.http.post("/v1/videos/generations", content=b"\xff").json()["error"]["code"] == "invalid_request_error"
    assert api.sandbox.ledger.creates == []
    assert api.sandbox.ledger.requests("create", 400) == 3


def test_create_body_over_maximum_is_refused(api):
    answer = api.post(image="data:," + "A" * 30_000_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")
    assert api.post(user="A" * 1000).status_code == 200


def test_ledger_inline_image_holds_neither_payload_nor_key(api):
    api.create(image="data:image/png;base64," + "A" * 5000)
    shown = api.http.get("/sandbox/ledger").text
    assert len(shown) < 1500
    assert "sk-" not in shown


@pytest.mark.parametrize("prefix", ["/gateway", "/a/b/"])
def test_path_prefix_set_serves_every_path_below_it(api, prefix):
    api.sandbox.configure(path_prefix=prefix, poll_url_form="absolute")
    below = prefix.rstrip("/")
    task = api.http.post(f"{below}/v1/videos/generations", json={"model": "sora-2", "prompt": "x"}).json()
    assert task["poll_url"] == f"{api.sandbox.url}{below}/v1/tasks/{task['id']}"
    api.clock.forward(10)
    done = api.poll(task)
    assert done["video_url"].startswith(f"{api.sandbox.url}{below}/files/")
    assert api.http.get(done["video_url"]).status_code == 200
    assert api.http.get(f"/v1/tasks/{task['id']}").status_code == 200
    assert api.http.get(f"{below}/healthz").json() == {"status": "ok"}
    assert api.sandbox.ledger.calls[0].path == f"{below}/v1/videos/generations"
    assert api.sandbox.ledger.requests("create") == 1


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [("GET", "/v2/x", 404), ("PUT", "/v1/models", 405), ("GET", "/v1/videos/generations", 405)],
)
def test_app_unknown_path_or_method_answers_a_json_error(api, verb, path, status):
    answer = api.http.request(verb, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "not_found")


def test_file_without_key_is_served_in_ranges(api):
    task = api.finish()
    url, api.http.headers["Authorization"] = task["video_url"], ""
    whole = api.http.get(url)
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "video/mp4")
    part = api.http.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole.content)}"
    assert api.http.head(url).headers["Content-Length"] == str(len(whole.content))
    assert api.sandbox.ledger.requests("file") == 3


def test_file_task_not_completed_is_not_found(api):
    task = api.create()
    answer = api.http.get(f"/files/{task['id']}.mp4")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "file_not_found")
    assert api.http.get("/files/unknown.mp4").status_code == 404


def test_poll_during_rendering_answers_at_once(api, monkeypatch):
    begun, polled = threading.Event(), threading.Event()

    def draw(_order: Any, _settings: Any, path: Path, _own_file: Any) -> None:
        begun.set()
        assert polled.wait(5)
        path.write_bytes(b"video")

    monkeypatch.setattr(videos, "draw", draw)
    task = api.finish()
    download = threading.Thread(target=api.http.get, args=(task["video_url"],))
    download.start()
    assert begun.wait(5)
    assert api.poll(task)["status"] == "completed"
    assert download.is_alive()
    polled.set()
    download.join()


def test_answer_delay_set_delays_the_answer(api):
    api.sandbox.configure(answer_delay=0.2)
    assert api.http.get("/v1/models").elapsed.total_seconds() >= 0.2


def test_settings_patch_over_http_changes_them(api):
    changed = api.http.patch("/sandbox/settings", json={"generation_seconds": 3})
    assert changed.json()["generation_seconds"] == 3
    assert api.http.get("/sandbox/settings").json()["generation_seconds"] == 3
    assert "api_key" not in changed.json()
    wrong = api.http.patch("/sandbox/settings", json={"speed": 3})
    assert wrong.status_code == 400
    assert "no setting 'speed'" in wrong.json()["error"]["message"]
    assert api.http.patch("/sandbox/settings", json=[]).status_code == 400
    assert api.http.patch("/sandbox/settings", content=b"{").status_code == 400


def test_faults_post_over_http_adds_them(api):
    added = api.http.post("/sandbox/faults", json={"kind": "error", "on": "poll", "status": 503})
    assert [fault["status"] for fault in added.json()["faults"]] == [503]
    assert api.http.get("/sandbox/faults").json() == added.json()
    assert api.http.post("/sandbox/faults", json={"kind": "earthquake"}).status_code == 400
    assert api.http.get(api.create()["poll_url"]).status_code == 503


def test_controls_after_a_create_show_tasks_and_ledger_and_reset_them(api):
    api.create()
    api.clock.forward(10)
    assert api.http.get("/sandbox/tasks").json()["tasks"][0]["status"] == "completed"
    ledger = api.http.get("/sandbox/ledger").json()
    assert ledger["creates"][0]["transaction_id"].startswith("txn_")
    assert ledger["counts"] == {"create 200": 1}
    assert api.http.post("/sandbox/reset").status_code == 200
    assert api.http.get("/sandbox/ledger").json()["creates"] == []
