"""Clips that a person clears while they are deferred, in both modes of on_clear."""

from datetime import timedelta

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def cleared_while_deferred():
    for mode in ("reuse", "regenerate"):
        SubmitVideoOperator(
            task_id=mode,
            model="sora-2",
            prompt=f"cleared, {mode}",
            on_clear=mode,
            wait_for_completion=True,
            poll_interval=1,
        )


cleared_while_deferred()
