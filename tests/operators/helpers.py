"""Build and render operators, for several test modules."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import DAG

from lemondata_provider.operators.video import SubmitVideoOperator


def briefly(seconds: float) -> None:
    """Sleep for a twentieth of a second at the most."""
    time.sleep(min(seconds, 0.05))


def operator(**fields: Any) -> SubmitVideoOperator:
    fields = {"model": "sora-2", "prompt": "a cat", "poll_interval": 0.05, **fields}
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
