"""Tasks that wait for ever: what is killed in every way by tests/e2e/test_kills.py."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from lemondata_provider.operators.video import SubmitVideoOperator

# "[queued]" never begins, "[forever]" begins and never ends; only seedance tasks can be cancelled.
KINDS = {
    "queued": ("seedance-2.0", "[queued]"),
    "running": ("seedance-2.0", "[forever]"),
    "other": ("sora-2", "[forever]"),
}
WAYS = ("marked_failed", "marked_success", "marked_skipped", "cleared_reuse", "cleared_regenerate")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=1)}
TIMEOUT = timedelta(seconds=40)


def endless(way: str, cancels: tuple[bool, ...] = (True, False), **options: Any) -> None:
    for kind, (model, word) in KINDS.items():
        for cancel_on_kill in cancels:
            task_id = f"{way}-{kind}-{'cancels' if cancel_on_kill else 'leaves'}"
            SubmitVideoOperator(
                task_id=task_id,
                model=model,
                prompt=f"{task_id} {word}",
                wait_for_completion=True,
                poll_interval=2,
                cancel_on_kill=cancel_on_kill,
                **options,
            )


with DAG("kills", schedule=None, default_args=RETRIES, max_active_tasks=60):
    for way in WAYS:
        endless(way, on_clear="regenerate" if way == "cleared_regenerate" else "reuse")

with DAG("kills_run", schedule=None, default_args=RETRIES):
    endless("run_marked_failed")

with DAG("kills_timeout", schedule=None, default_args=RETRIES, dagrun_timeout=TIMEOUT):
    endless("dagrun_timeout")

for name, cancel_on_kill in (("kills_worker_cancels", True), ("kills_worker_leaves", False)):
    with DAG(name, schedule=None, default_args=RETRIES):
        endless("worker", (cancel_on_kill,), deferrable=False, on_clear="regenerate")
