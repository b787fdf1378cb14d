from __future__ import annotations

from types import SimpleNamespace

import pytest

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.hooks.version_compat import task_instance_state


@pytest.mark.parametrize(("map_index", "arguments"), [(-1, "d t r"), (3, "d t r --map-index 3"), (None, "d t r")])
def test_arguments_with_and_without_map_index_are_those_of_airflow_commands(map_index, arguments):
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=map_index)
    assert TaskInstanceKey.of(ti).arguments() == arguments


def test_arguments_special_characters_are_quoted():
    assert TaskInstanceKey("d", "t", "r 1;x").arguments() == "d t 'r 1;x'"


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
    assert task_instance_state("d", "t", "r", map_index) == state
    assert (supervisor.asked[0].task_ids, supervisor.asked[0].map_index) == (["t"], map_index)


def test_task_instance_state_missing_instance_raises(supervisor):
    supervisor.states = {}
    with pytest.raises(LookupError, match="no task instance d t r"):
        task_instance_state("d", "t", "r", -1)
