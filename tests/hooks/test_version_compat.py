"""Airflow's private names: each is named here, so that an upgrade of Airflow fails in one place."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
from sqlalchemy import inspect as inspect_table

from lemondata_provider.hooks import version_compat as compat


@pytest.mark.parametrize(
    ("answer", "map_index", "state"),
    [
        ({"r": {"t": "failed"}}, -1, "failed"),
        ({"r": {"t_3": "deferred"}}, 3, "deferred"),
        ({"r": {"t": None}}, -1, "none"),
    ],
)
def test_task_instance_state_existing_instance_returns_its_state(supervisor, answer, map_index, state):
    supervisor.states = answer
    assert compat.task_instance_state("d", "t", "r", map_index) == state
    [asked] = supervisor.asked
    assert (asked.task_ids, asked.run_ids, asked.map_index) == (["t"], ["r"], map_index)


def test_task_instance_state_missing_instance_raises(supervisor):
    supervisor.states = {}
    with pytest.raises(LookupError, match="no task instance d t r"):
        compat.task_instance_state("d", "t", "r", -1)


def test_is_from_mapped_plain_operator_returns_false():
    from airflow.sdk import BaseOperator  # noqa: PLC0415 # the class whose private attribute is read

    assert compat.is_from_mapped(BaseOperator(task_id="t")) is False
    assert "_BaseOperator__from_mapped" in dir(BaseOperator)


def test_expansion_types_private_modules_have_their_names():
    from airflow.sdk import BaseOperator  # noqa: PLC0415 # to expand one

    mapped, lists, argument = compat.expansion_types()
    operator = BaseOperator.partial(task_id="t").expand(doc=["a"])
    assert isinstance(operator, mapped)
    assert isinstance(operator.expand_input, lists)
    assert "_key" in inspect.getsource(argument)


def test_mapped_source_and_init_kwargs_of_a_mapped_operator_have_what_made_it():
    from airflow.sdk import DAG, BaseOperator  # noqa: PLC0415 # to expand one

    with DAG("mapping"):
        operator = BaseOperator.partial(task_id="t", owner="me").expand(doc=["a"]).unmap({"doc": "a"})
    partial, expanded = compat.mapped_source(operator) or ({}, None)
    assert (partial["owner"], expanded) == ("me", {"doc": ["a"]})
    assert compat.init_kwargs(operator)["doc"] == "a"
    assert compat.mapped_source(BaseOperator(task_id="t")) is None


def test_backfill_runs_private_functions_have_their_names(mocker):
    from airflow.models import backfill  # noqa: PLC0415 # the private names themselves

    infos = mocker.patch.object(backfill, "_get_info_list", return_value=["info"])
    query = mocker.patch.object(backfill, "_get_latest_dag_run_row_query", return_value="query")
    runs, existing = compat.backfill_runs(SimpleNamespace(dag_id="d"), 1, 2)
    assert (runs, existing("info")) == (["info"], "query")
    assert infos.call_args.kwargs["reverse"] is False
    assert query.call_args.kwargs == {"dag_id": "d", "info": "info"}


@pytest.mark.parametrize("stats", [compat.airflow_stats, compat.task_stats])
def test_airflow_stats_have_the_methods_of_the_metrics(stats):
    assert all(hasattr(stats(), name) for name in ("incr", "gauge", "timing"))


def test_task_state_table_has_the_columns_that_are_read():
    table = compat.task_state_table()
    if table is None:
        assert compat.task_state_database() is None  # Airflow 3.2 has neither
        return
    columns = {column.name for column in inspect_table(table).columns}
    assert {"dag_id", "task_id", "run_id", "map_index", "key", "value", "updated_at"} <= columns


def test_template_accessors_and_merged_params_have_what_a_run_has():
    from airflow.sdk import DAG, BaseOperator, Param  # noqa: PLC0415 # to merge the params of one

    assert set(compat.template_accessors()) == {"var", "conn", "macros", "outlet_events"}
    with DAG("params", schedule=None, params={"a": Param(1, type="integer"), "b": 2}) as dag:
        operator = BaseOperator(task_id="t")
    task, own_dag = compat.copy_for_run(operator)
    assert compat.merge_params(own_dag, task, {"a": 3}) == {"a": 3, "b": 2}
    assert (dict(dag.params), dict(operator.params)) == ({"a": 1, "b": 2}, {"a": 1, "b": 2})


def test_running_task_context_is_current_and_execute_does_not_warn(caplog):
    from airflow.sdk import BaseOperator, get_current_context  # noqa: PLC0415 # to run one

    class Current(BaseOperator):
        def execute(self, context):
            return get_current_context() is context

    operator, context = Current(task_id="t"), {"run_id": "manual__1"}
    with compat.running_task(operator, context):
        assert operator.execute(context)
    assert "Task Runner" not in caplog.text


def test_has_task_state_store_agrees_with_the_table():
    assert compat.has_task_state_store() is (compat.task_state_table() is not None)
