"""Build tasks of ``@task.lemondata_video`` as a DAG file does, for several test modules."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task


def operator_of(result: Any) -> Any:
    """Return the operator behind what a decorated function returns in a DAG file."""
    return result.operator


def decorated(function: Any, *args: Any, arguments: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Return the operator of a function in a DAG."""
    with DAG("taskflow", schedule=None):
        submit = task.lemondata_video(**{"model": "sora-2", "poll_interval": 0.05, **fields})(function)
        return operator_of(submit(*args, **(arguments or {})))


def returning(value: Any, **fields: Any) -> Any:
    """Return the operator of a function that returns a value."""

    def clip() -> Any:
        return value

    return decorated(clip, **fields)


def rendered(operator: Any, **values: Any) -> Any:
    """Render the templates of an operator as Airflow does before it executes it."""
    context: Any = values
    operator.render_template_fields(context, operator.dag.get_template_env())
    return operator
