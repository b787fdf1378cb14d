from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from packaging.version import Version

import lemondata_provider
from lemondata_provider.get_provider_info import get_provider_info
from lemondata_provider.hooks.lemondata import LemonDataHook

PACKAGE = "airflow-provider-lemondata"


@pytest.fixture
def manager() -> Any:
    """Return what Airflow knows of all providers."""
    return ProvidersManager()


def test_provider_info_matches_the_schema_of_airflow() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_provider_info_names_only_modules_that_import() -> None:
    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                import_module(module)
    for entry in info["transfers"]:
        import_module(entry["python-module"])
    for entry in info["task-decorators"]:
        module, _, name = entry["class-name"].rpartition(".")
        assert callable(getattr(import_module(module), name))


def test_provider_info_imports_neither_airflow_nor_http_client() -> None:
    script = (
        "import sys; from lemondata_provider.get_provider_info import get_provider_info; get_provider_info();"
        "print([name for name in ('airflow', 'httpx', 'pydantic') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_providers_manager_finds_the_provider_and_its_hook(manager: Any) -> None:
    assert manager.providers[PACKAGE].version == distribution(PACKAGE).version
    hook = manager.hooks["lemondata"]
    assert (hook.connection_id_attribute_name, hook.hook_name) == ("lemondata_conn_id", "LemonData")
    assert hook.hook_class_name.endswith(LemonDataHook.__name__)
    assert hook.connection_testable


def test_connection_form_shows_our_fields_and_hides_the_rest(manager: Any) -> None:
    behaviour = manager.field_behaviours["lemondata"]
    assert set(behaviour["hidden_fields"]) == {"login", "schema", "port", "extra"}
    assert behaviour["relabeling"] == {"password": "API key", "host": "Base URL"}
    fields = {
        name.removeprefix("extra__lemondata__"): widget.field
        for name, widget in manager.connection_form_widgets.items()
        if name.startswith("extra__lemondata__")
    }
    assert set(fields) == {"timeout", "requests_per_minute", "triggerers", "user_agent", "management_token", "verify"}
    assert all(field["description"] and field["schema"]["title"] for field in fields.values())


def test_catalog_path_setting_is_documented_and_has_no_default(manager: Any) -> None:
    option = get_provider_info()["config"]["lemondata"]["options"]["catalog_path"]
    assert option["default"] is None
    assert Version(option["version_added"]) <= Version(lemondata_provider.__version__)
    assert (PACKAGE, get_provider_info()["config"]) in list(manager.provider_configs)


def test_record_prompts_setting_is_on_by_default_and_media_roots_plays_nothing(manager: Any) -> None:
    options = get_provider_info()["config"]["lemondata"]["options"]
    assert (options["record_prompts"]["type"], options["record_prompts"]["default"]) == ("boolean", "True")
    assert options["media_roots"]["default"] is None
    assert json.loads(options["media_roots"]["example"])
    assert all(option["description"] for option in options.values())
