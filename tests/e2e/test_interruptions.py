"""Nothing is paid for twice when Airflow stumbles, or when a person steps in."""

from __future__ import annotations

import json
import time
from collections import Counter

from harness.local_airflow import LocalAirflow
from lemondata_provider.operators.record import HISTORY, HISTORY_KEY, KEY
from tests.e2e.dags import slow_download
from tests.e2e.dags.many_clips import CLIPS, RETRIES
from tests.e2e.dags.slow_submit import WAYS
from tests.e2e.evidence import creates, mismatches, polled, states
from tests.e2e.killer import Killer, until

AWAY = 40  # seconds
STARTING = 7  # of them at least go by while the API server starts
# After three heartbeats in vain Airflow ends the process that tries to store the id: seen after 54 to 75 s.
ENDURED = 48


def clear(airflow: LocalAirflow, dag_id: str, run_id: str, *task_ids: str, downstream: bool = False) -> None:
    """Clear task instances as a person does."""
    airflow.api(
        "POST",
        f"/dags/{dag_id}/clearTaskInstances",
        dag_run_id=run_id,
        task_ids=task_ids,
        include_downstream=downstream,
        dry_run=False,
        only_failed=False,
    )


def test_submit_api_server_down_after_the_post_is_charged_once(airflow, sandbox, capsys):
    sandbox.reset()
    dag_id, task_ids = "api_server_away", ("deferred", "in_the_worker")
    run_id = airflow.trigger(dag_id)
    killer = Killer(airflow.home, dag_id)
    until(lambda: len(killer.reached()) == len(task_ids), 60, "Coming to the barriers")
    airflow.kill("api-server")
    left = time.monotonic()
    killer.let_go()
    time.sleep(AWAY - STARTING)  # what is tested is this time
    airflow.restart("api-server")
    until(airflow.health, 60, "Starting the API server")
    away = time.monotonic() - left
    airflow.wait_for_run(dag_id, run_id, timeout=120)
    ended = {ti["task_id"]: (ti["state"], ti["try_number"]) for ti in airflow.task_instances(dag_id, run_id)}
    with capsys.disabled():
        print(f"\nAPI server away for {away:.0f} s right after the POST: state and tries {ended}")

    assert creates(sandbox) == {f"API server away, {task_id}": 1 for task_id in task_ids}
    if away < ENDURED:
        assert {state for state, _ in ended.values()} == {"success"}
    for task_id in task_ids:
        state, tries = ended[task_id]
        known = airflow.task_state(dag_id, run_id, task_id)[KEY]["task_id"]
        if state == "success":
            assert airflow.xcom(dag_id, run_id, task_id)["task_id"] == known
        else:
            assert "it may have been charged" in airflow.failures(dag_id, run_id, task_id, tries)[0]


def test_on_clear_deferred_task_is_charged_again_only_for_regenerate(airflow, sandbox):
    sandbox.reset()
    sandbox.configure(generation_seconds=15)
    dag_id = "cleared_while_deferred"
    run_id = airflow.trigger(dag_id)
    until(lambda: polled(sandbox, ["cleared, reuse", "cleared, regenerate"]), 60, "Deferring")
    assert states(airflow, dag_id, run_id) == {("reuse", -1): "deferred", ("regenerate", -1): "deferred"}
    reused, old = (airflow.task_state(dag_id, run_id, task_id)[KEY] for task_id in ("reuse", "regenerate"))
    sandbox.configure(generation_seconds=4)
    clear(airflow, dag_id, run_id, "reuse", "regenerate")
    assert airflow.wait_for_run(dag_id, run_id, timeout=120) == "success"

    assert creates(sandbox) == {"cleared, reuse": 1, "cleared, regenerate": 2}
    assert airflow.xcom(dag_id, run_id, "reuse")["task_id"] == reused["task_id"]
    assert HISTORY not in airflow.task_state(dag_id, run_id, "reuse")
    new = airflow.xcom(dag_id, run_id, "regenerate")["task_id"]
    assert new != old["task_id"]
    after = airflow.task_state(dag_id, run_id, "regenerate")
    assert after[KEY]["task_id"] == new
    assert after[HISTORY] == [old["task_id"]]
    assert after[HISTORY_KEY.format(old["task_id"])] == old


def test_mapped_task_items_reordered_fails_on_retry_and_submits_again_on_clear(airflow, sandbox):
    sandbox.reset()
    dag_id = "moved_items"
    items = airflow.home / "items.json"
    items.write_text(json.dumps([1, 2]))
    run_id = airflow.trigger(dag_id)
    killer = Killer(airflow.home, dag_id)
    until(lambda: killer.reached().keys() == {("retried", 0), ("retried", 1)}, 90, "Coming to the barriers")
    done = {("cleared", 0): "success", ("cleared", 1): "success"}
    until(lambda: done.items() <= states(airflow, dag_id, run_id).items(), 90, "Finishing the others")
    before = [airflow.task_state(dag_id, run_id, "cleared", index)[KEY] for index in (0, 1)]

    items.write_text(json.dumps([2, 1]))
    clear(airflow, dag_id, run_id, "items_retried")
    clear(airflow, dag_id, run_id, "items_cleared", downstream=True)
    until(lambda: states(airflow, dag_id, run_id)["items_retried", -1] == "success", 60, "Listing the items again")
    killer.kill()
    airflow.wait_for_run(dag_id, run_id, timeout=120)

    failed = {("retried", 0): "failed", ("retried", 1): "failed"}
    assert (done | failed).items() <= states(airflow, dag_id, run_id).items()
    assert creates(sandbox) == {"retried 1": 1, "retried 2": 1, "cleared 1": 2, "cleared 2": 2}
    for index in (0, 1):
        assert "prompt changed" in airflow.failures(dag_id, run_id, "retried", 2, index)[0]
        kept = airflow.task_state(dag_id, run_id, "cleared", index)
        assert kept[HISTORY] == [before[index]["task_id"]]
        assert kept[HISTORY_KEY.format(before[index]["task_id"])] == before[index]
        assert kept[KEY]["task_id"] == airflow.xcom(dag_id, run_id, "cleared", index)["task_id"]


def test_many_clips_airflow_fails_resumed_tasks_are_charged_once_each(airflow, sandbox, capsys):
    sandbox.reset()
    sandbox.configure(generation_seconds=2)
    dag_id = "many_clips"
    run_id = airflow.trigger(dag_id)
    airflow.wait_for_run(dag_id, run_id, timeout=300)
    paid, lost = creates(sandbox), mismatches(airflow, dag_id, run_id)
    ended = {(ti["task_id"], ti["map_index"]): ti for ti in airflow.task_instances(dag_id, run_id)}
    tries = Counter(ti["try_number"] for ti in ended.values())
    with capsys.disabled():
        print(f"\n{CLIPS} mapped clips: {paid.total()} creates; by number of tries: {dict(sorted(tries.items()))}")
        print(f"Tries that Airflow itself lost on resuming: {lost.total()}")
    assert len(paid) == len(ended) == CLIPS
    assert set(paid.values()) == {1}
    # Not all of them cost a try: some clips come to their end while Airflow fails them.
    assert Counter({piece: ti["try_number"] - 1 for piece, ti in ended.items()}) <= lost
    failed = {piece for piece, ti in ended.items() if ti["state"] != "success"}
    assert failed <= {piece for piece, count in lost.items() if count > RETRIES}  # Airflow itself lost every try


def test_submit_marked_failed_during_its_create_is_cancelled_once(airflow, sandbox):
    sandbox.reset()
    sandbox.fault("slow", on="create", times=len(WAYS), seconds=6)
    dag_id = "slow_submit"
    run_id = airflow.trigger(dag_id)
    until(lambda: sandbox.ledger.requests("create") == len(WAYS), 90, "Submitting")
    for task_id in WAYS:
        airflow.api("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", new_state="failed")
    until(lambda: sandbox.ledger.requests("cancel") == len(WAYS), 60, "Cancelling")
    assert airflow.wait_for_run(dag_id, run_id, timeout=60) == "failed"
    time.sleep(6)  # a second DELETE would come with the heartbeat, which Airflow sends every five seconds
    assert set(states(airflow, dag_id, run_id).values()) == {"failed"}
    assert creates(sandbox) == {f"[queued] {task_id}": 1 for task_id in WAYS}
    assert [call.status for call in sandbox.ledger.calls if call.kind == "cancel"] == [200] * len(WAYS)


def test_submit_wrong_base_url_is_read_or_refused_and_never_polled_in_vain(airflow, sandbox):
    sandbox.reset()
    dag_id = "wrong_base_url"
    run_id = airflow.trigger(dag_id)
    airflow.wait_for_run(dag_id, run_id, timeout=120)
    assert states(airflow, dag_id, run_id) == {("endpoint", -1): "success", ("elsewhere", -1): "failed"}
    assert creates(sandbox) == {"wrong Base URL, endpoint": 1}
    assert "Base URL" in airflow.failures(dag_id, run_id, "elsewhere", 1)[0]


def test_execution_timeout_in_the_download_is_charged_once_and_retried_for_nothing(airflow, sandbox):
    sandbox.reset()
    sandbox.configure(generation_seconds=2)
    tasks = len(slow_download.WAYS)
    sandbox.fault("cut", on="file", times=tasks)  # half of each video arrives, and the rest does not come in time
    sandbox.fault("slow", on="file", times=tasks, seconds=60)
    dag_id = "slow_download"
    run_id = airflow.trigger(dag_id)
    airflow.wait_for_run(dag_id, run_id, timeout=120)

    ended = {ti["task_id"]: (ti["state"], ti["try_number"]) for ti in airflow.task_instances(dag_id, run_id)}
    lost = mismatches(airflow, dag_id, run_id)["deferred", -1]  # Airflow itself may lose the try that resumes
    stored = {"deferred": ("success", max(2, 1 + lost)), "in_the_worker": ("success", 2)}
    assert ended == {**stored, "not_durable": ("failed", 1)}
    assert creates(sandbox) == {f"slow download, {task_id}": 1 for task_id in slow_download.WAYS}
    assert "VideoToObjectStorageOperator" in airflow.failures(dag_id, run_id, "not_durable", 1)[0]
    assert {path.name for path in (airflow.home / dag_id).glob("[!.]*")} == {
        f"{task_id}.mp4{suffix}" for task_id in stored for suffix in ("", ".json", ".jpg")
    }
