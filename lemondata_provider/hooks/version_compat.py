"""
The one place that knows Airflow's versions and Airflow's private names.

Features that only Airflow 3.3 and newer have are detected here. Private names are imported here and nowhere else, so an
upgrade of Airflow fails in one module; ``tests/hooks/test_version_compat.py`` names each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

try:
    from airflow.sdk import RetryDecision as RetryDecision  # noqa: PLC0414 # for other modules
    from airflow.sdk import RetryPolicy as RetryPolicy  # noqa: PLC0414 # the same

    HAS_RETRY_POLICIES = True
except ImportError:  # Airflow 3.2
    HAS_RETRY_POLICIES = False
    RetryPolicy = RetryDecision = object  # type: ignore[assignment,misc]  # a class to inherit from all the same


def airflow_stats() -> Any:
    """Return Airflow's statistics, as a triggerer sets them up."""
    from airflow.observability.stats import Stats  # noqa: PLC0415 # not to parse a DAG

    return Stats


def task_stats() -> Any:
    """Return Airflow's statistics, as the process of a task sets them up."""
    from airflow.sdk.observability.stats import Stats  # noqa: PLC0415 # not to parse a DAG

    return Stats


def task_state_store(context: Context) -> Any | None:
    """Return the task state store of a task instance, or ``None`` if this Airflow has none."""
    return context.get("task_state_store")


def has_task_state_store() -> bool:
    """Return whether tasks have a task state store (3.3 and newer)."""
    import airflow.sdk  # noqa: PLC0415 # for tests only

    return hasattr(airflow.sdk, "NEVER_EXPIRE")


def never_expire() -> Any:
    """Return the retention that keeps a stored value for ever."""
    from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined] # noqa: PLC0415 # only Airflow 3.3 has it

    return NEVER_EXPIRE


def task_state_database() -> tuple[Any, Any] | None:
    """Return the backend of all task state stores and the class of its keys, or ``None`` if this Airflow has none."""
    try:
        from airflow.state import TaskScope, get_state_backend  # noqa: PLC0415 # for a command line only
    except ImportError:  # Airflow 3.2
        return None
    return get_state_backend(), TaskScope


def task_state_table() -> Any | None:
    """Return the table of all task state stores, or ``None`` if this Airflow has none."""
    try:
        from airflow.models.task_state_store import TaskStateStoreModel  # noqa: PLC0415 # for a command line only
    except ImportError:  # Airflow 3.2
        return None
    return TaskStateStoreModel


def task_instance_state(dag_id: str, task_id: str, run_id: str, map_index: int) -> str:
    """
    Return the state of a task instance, ``none`` included; blocks, and works in workers and triggerers.

    :raises LookupError: if the task instance does not exist.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 # not to parse a DAG

    runs = RuntimeTaskInstance.get_task_states(dag_id, map_index=map_index, task_ids=[task_id], run_ids=[run_id])
    for state in runs.get(run_id, {}).values():
        return str(state or "none")
    raise LookupError(f"There is no task instance {dag_id} {task_id} {run_id}")


def mask_secrets(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with stars in the place of what Airflow knows as secret, as in a rendered template."""
    from airflow.sdk._shared.secrets_masker import redact  # noqa: PLC0415 # not to parse a DAG

    return {name: redact(value) if isinstance(value, str) else value for name, value in values.items()}


def has_partitions() -> bool:
    """Return whether an asset event may have a partition key (3.3 and newer)."""
    from airflow.sdk.execution_time.context import OutletEventAccessor  # noqa: PLC0415 # few DAG files need it

    return hasattr(OutletEventAccessor, "add_partitions")


def is_from_mapped(operator: Any) -> bool:
    """Return whether Airflow made this operator by expanding a mapped one."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))


def init_kwargs(operator: Any) -> dict[str, Any]:
    """Return the arguments that an operator was made with, without those that were left out."""
    return dict(operator._BaseOperator__init_kwargs)


def mapped_source(operator: Any) -> tuple[dict[str, Any], Any] | None:
    """Return the arguments of ``partial`` and of ``expand`` that made this operator; ``None`` if they are not known."""
    dag = operator.get_dag()
    mapped = dag.task_dict.get(operator.task_id) if dag else None
    expansion = getattr(mapped, "expand_input", None)
    return None if mapped is None or expansion is None else (mapped.partial_kwargs, expansion.value)


def backfill_runs(dag: Any, start: Any, end: Any) -> tuple[list[Any], Any]:
    """Return the runs that a backfill would create, and a function that returns the query for an existing run."""
    from airflow.models.backfill import (  # noqa: PLC0415 # for a command line only
        _get_info_list,
        _get_latest_dag_run_row_query,
    )

    infos = _get_info_list(from_date=start, to_date=end, reverse=False, dag=dag)
    return infos, lambda info: _get_latest_dag_run_row_query(dag_id=dag.dag_id, info=info)


def expansion_types() -> tuple[Any, Any, Any]:
    """Return the classes of a mapped operator, of an expansion by lists, and of a task group's mapped argument."""
    from airflow.sdk.definitions._internal.expandinput import (  # noqa: PLC0415 # for a command line only
        DictOfListsExpandInput,
        MappedArgument,
    )
    from airflow.sdk.definitions.mappedoperator import MappedOperator  # noqa: PLC0415 # for a command line only

    return MappedOperator, DictOfListsExpandInput, MappedArgument


def task_group_expansion(group: Any) -> Any:
    """Return the expansion of a mapped task group."""
    return group._expand_input


def map_key(argument: Any) -> Any:
    """Return the name that a task group's mapped argument refers to."""
    return argument._key


def template_accessors() -> dict[str, Any]:
    """Return what a task's context has in every run: variables, connections, macros and outlet events."""
    from airflow.sdk.execution_time import context  # noqa: PLC0415 # for tests only

    return {
        "var": {
            "value": context.VariableAccessor(deserialize_json=False),
            "json": context.VariableAccessor(deserialize_json=True),
        },
        "conn": context.ConnectionAccessor(),
        "macros": context.MacrosAccessor(),
        "outlet_events": context.OutletEventAccessors(),
    }


def copy_for_run(operator: Any) -> tuple[Any, Any]:
    """Return copies of an operator and its DAG with params of their own: Airflow writes a run's values into them."""
    dag = copy(operator.get_dag())
    if dag is not None:
        dag.params = deepcopy(dag.params)
    task = copy(operator) if operator.is_mapped else operator.prepare_for_execution()
    task.params = deepcopy(operator.params)
    return task, dag


def merge_params(dag: Any, task: Any, conf: dict[str, Any]) -> dict[str, Any]:
    """Return the params of a task in a run with this configuration, checked."""
    from airflow.sdk.definitions.param import process_params  # noqa: PLC0415 # for tests only

    return process_params(dag, task, conf, suppress_exception=False)


@contextmanager
def running_task(task: Any, context: Any) -> Iterator[None]:
    """Let Airflow know which task runs, with which context, as its task runner does."""
    from airflow.sdk.bases.operator import ExecutorSafeguard  # noqa: PLC0415 # for tests only
    from airflow.sdk.execution_time.context import set_current_context  # noqa: PLC0415 # for tests only

    token = ExecutorSafeguard.tracker.set(task)
    try:
        with set_current_context(context):
            yield
    finally:
        ExecutorSafeguard.tracker.reset(token)
