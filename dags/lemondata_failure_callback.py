"""
Report a failed clip with all that support and accounting ask for.

Whatever fails a task of this provider carries `error`, `task_id` (LemonData's), `poll_url` and `request_id`, if they
are known. Send the report to your chat instead of the log. Try it with a prompt that the model refuses.

Needs: a key, a bucket or a folder.
"""

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator

log = logging.getLogger(__name__)


def money_of(exception: BaseException | None) -> str:
    """Return what a failure means for the money."""
    if type(getattr(exception, "error", exception)).__name__ == "SubmitUnknownError":
        return "LemonData may have charged this submit: the error says how to find out."
    if getattr(exception, "task_id", None):
        return (
            "LemonData accepted the task. It charges a finished video, and no generation that failed: see the poll URL."
        )
    return "LemonData accepted no task, so nothing was charged."


def report(context: Any) -> None:
    """Report a failed task instance; Airflow calls it after the last try."""
    exception, ti = context.get("exception"), context["ti"]
    lines = [f"{ti.dag_id}.{ti.task_id} failed: {exception}", money_of(exception)]
    lines += [f"{name}: {getattr(exception, name, None)}" for name in ("task_id", "request_id", "poll_url")]
    log.error("\n".join(lines))


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30), "on_failure_callback": report},
    params={
        "prompt": Param("A lantern on a dark river.", type="string", description="What the video shows."),
        "folder": Param("s3://aws_default@my-bucket/reported", type="string", description="Where the video is stored."),
    },
    doc_md=__doc__,
)
def lemondata_failure_callback() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="{{ params.prompt }}",
        duration=4,
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )


lemondata_failure_callback()
