"""Build and render operators, for several test modules."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import DAG

from lemondata_provider.api import calls
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.triggers.events import TaskEvent
from tests.results.keeping import quick


def briefly(seconds: float) -> None:
    """Sleep for a twentieth of a second at the most."""
    time.sleep(min(seconds, 0.05))


def operator(**fields: Any) -> SubmitVideoOperator:
    fields = {"model": "sora-2", "prompt": "a cat", "poll_interval": 0.02, **fields}
    op = SubmitVideoOperator(task_id="submit", **fields)
    op.sleep = briefly
    return op


def rendered(op: SubmitVideoOperator, native: bool = False, **values: Any) -> Any:
    op.dag = dag = DAG("rendering", render_template_as_native_obj=native)
    context: Any = values
    op.render_template_fields(context, dag.get_template_env())
    return op


def sent(sandbox: Any) -> Any:
    return sandbox.ledger.creates[-1].body


def submit_to(path: Any, **fields: Any) -> SubmitVideoOperator:
    """Build an operator that stores its video, and waits for it in the worker."""
    fields = {"model": "veo3.1-fast", "prompt": "a cat", "duration": 4, "deferrable": False, **fields}
    operator = SubmitVideoOperator(task_id="submit", output_path=str(path), poll_interval=0.02, **fields)
    operator.sleep, operator.new_downloader = briefly, quick
    return operator


def creates(sandbox: Any) -> int:
    return len(sandbox.ledger.creates)


def finished(sandbox: Any, submitted: dict[str, Any]) -> dict[str, Any]:
    """Poll a task to its end, and return the event of a trigger."""
    with LemonDataHook().get_conn() as client:
        while not (task := client.send(calls.get_task(submitted["poll_url"], submitted["task_id"]))).videos:
            client.sleep(0.02)
    return TaskEvent(task_id=task.id, poll_url=task.poll_url, result=task.result()).model_dump(mode="json")
