from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.core_api.datamodels.plugins import ReactAppResponse
from airflow.plugins_manager import AirflowPlugin

from lemondata_provider import __version__
from lemondata_provider.decorators.video import VideoDecoratedOperator
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.plugins import plugin
from lemondata_provider.plugins.plugin import LemonDataPlugin, entries
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator

STATIC = Path(plugin.__file__).parent / "static"
ENTRIES = {entry["name"]: entry for entry in entries()}
GLOBALS_OF_BROWSERS = {
    *("AnimationEvent", "Audio", "Blob", "Comment", "Document", "Element", "Event", "File", "History", "Image"),
    *("Location", "MediaSource", "Node", "Notification", "Option", "Range", "Request", "Response", "Screen"),
    *("Selection", "Storage", "Text", "TextTrack", "TimeRanges", "Touch", "VideoFrame", "VideoDecoder", "Worker"),
}
HEAVY = ("fastapi", "starlette", "airflow.models.xcom", "airflow.api_fastapi", "pydantic", "httpx", "tenacity")


def fresh(code: str, **environment: str) -> Any:
    """Run code in a new process; its last line is JSON."""
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}, timeout=120
    )
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_is_valid_for_this_airflow(name: str) -> None:
    shown = ReactAppResponse.model_validate(ENTRIES[name])
    assert (shown.name, shown.bundle_url) == (name, ENTRIES[name]["bundle_url"])


def test_entries_are_page_tab_and_tile_with_routes_of_their_own() -> None:
    assert {entry["destination"] for entry in ENTRIES.values()} == {"nav", "task_instance", "dashboard"}
    assert len({entry["url_route"] for entry in ENTRIES.values()}) == len(ENTRIES) == 3


def test_entry_names_are_what_the_bundle_puts_into_global_this_and_no_global_of_a_browser() -> None:
    (assigned,) = re.findall(r"Object\.assign\(globalThis, \{(.*?)\}\)", (STATIC / "videos.js").read_text(), re.DOTALL)
    assert set(re.findall(r"(\w+):", assigned)) == set(ENTRIES)
    assert not GLOBALS_OF_BROWSERS & set(ENTRIES)


def test_page_route_is_the_one_that_the_bundle_links_to() -> None:
    assert f'"/plugin/{ENTRIES["Videos"]["url_route"]}"' in (STATIC / "videos.js").read_text()


@pytest.mark.parametrize("field", ["bundle_url", "icon", "icon_dark_mode"])
def test_entry_addresses_name_files_of_this_version(field: str) -> None:
    for entry in ENTRIES.values():
        prefix, _, name = entry[field].rpartition("/")
        assert prefix == f"/lemondata/static/{__version__}"
        assert (STATIC / name).is_file()


@pytest.mark.slow
def test_entry_addresses_begin_with_the_base_path() -> None:
    code = "import json; from lemondata_provider.plugins.plugin import entries; print(json.dumps(entries()))"
    made = fresh(code, AIRFLOW__API__BASE_URL="https://example.com/team/airflow/")
    assert {entry["bundle_url"] for entry in made} == {f"/team/airflow/lemondata/static/{__version__}/videos.js"}


def test_tab_applies_to_every_operator_of_ours_by_the_name_that_airflow_stores() -> None:
    classes = (SubmitVideoOperator, TaskSensor, VideoToObjectStorageOperator, VideoDecoratedOperator)
    names = {getattr(each, "custom_operator_name", each.__name__) for each in classes}
    assert names <= set(ENTRIES["Video"]["applies_to"]["task_instance.operator_name"])


@pytest.mark.slow
def test_plugin_module_imports_nothing_that_airflow_has_not_loaded() -> None:
    code = f"""
import json, sys
import airflow.configuration, airflow.plugins_manager
before = set(sys.modules)
import lemondata_provider.plugins.plugin
new = sorted(set(sys.modules) - before)
print(json.dumps([new, [name for name in {HEAVY!r} if name in new]]))
"""
    new, heavy = fresh(code)
    assert not heavy
    assert {name.partition(".")[0] for name in new} == {"lemondata_provider"}


def test_plugin_is_one_of_airflow_with_an_app_below_its_own_prefix() -> None:
    assert issubclass(LemonDataPlugin, AirflowPlugin)
    (app,) = LemonDataPlugin.fastapi_apps
    assert callable(app["app"])
    assert app["url_prefix"] == "/lemondata"


def test_plugin_source_is_an_entry_point_that_names_the_class() -> None:
    lines = (STATIC.parents[2] / "pyproject.toml").read_text().splitlines()
    place = lines.index('[project.entry-points."airflow.plugins"]')
    assert lines[place + 1] == 'lemondata = "lemondata_provider.plugins.plugin:LemonDataPlugin"'
