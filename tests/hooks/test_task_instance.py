from __future__ import annotations

from types import SimpleNamespace

import pytest

from lemondata_provider.hooks.task_instance import TaskInstanceKey


@pytest.mark.parametrize(("map_index", "arguments"), [(-1, "d t r"), (3, "d t r --map-index 3"), (None, "d t r")])
def test_arguments_with_and_without_map_index_are_those_of_airflow_commands(map_index, arguments):
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=map_index)
    assert TaskInstanceKey.of(ti).arguments() == arguments


def test_arguments_special_characters_are_quoted():
    assert TaskInstanceKey("d", "t", "r 1;x").arguments() == "d t 'r 1;x'"
