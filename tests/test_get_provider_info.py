from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import airflow
import jsonschema
from airflow.providers_manager import ProvidersManager

import lemondata_provider
from lemondata_provider.get_provider_info import get_provider_info
from lemondata_provider.hooks.lemondata import LemonDataHook

PACKAGE = "airflow-provider-lemondata"


def test_it_is_valid_in_the_eyes_of_airflow():
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_every_module_that_it_names_is_there():
    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                import_module(module)


def test_asking_for_it_imports_nothing_heavy():
    script = (
        "import sys; from lemondata_provider.get_provider_info import get_provider_info as ask; ask();"
        "print([name for name in ('airflow', 'httpx', 'pydantic') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_airflow_finds_the_provider_and_its_hook():
    manager = ProvidersManager()
    assert manager.providers[PACKAGE].version == distribution(PACKAGE).version
    hook = manager.hooks["lemondata"]
    assert (hook.connection_id_attribute_name, hook.hook_name) == ("lemondata_conn_id", "LemonData")
    assert hook.hook_class_name.endswith(LemonDataHook.__name__)
    assert hook.connection_testable


def test_the_connection_form_shows_what_is_needed_and_hides_the_rest():
    manager = ProvidersManager()
    behaviour = manager.field_behaviours["lemondata"]
    assert set(behaviour["hidden_fields"]) == {"login", "schema", "port", "extra"}
    assert behaviour["relabeling"] == {"password": "API key", "host": "Base URL"}
    fields = {
        name.removeprefix("extra__lemondata__"): widget.field
        for name, widget in manager.connection_form_widgets.items()
        if name.startswith("extra__lemondata__")
    }
    assert set(fields) == {"timeout", "requests_per_minute", "triggerers", "verify"}
    assert all(field["description"] and field["schema"]["title"] for field in fields.values())


def test_the_setting_for_another_inventory_is_documented_and_has_no_default():
    option = get_provider_info()["config"]["lemondata"]["options"]["catalog_path"]
    assert option["default"] is None
    assert option["version_added"] == lemondata_provider.__version__
    assert (PACKAGE, get_provider_info()["config"]) in list(ProvidersManager().provider_configs)
