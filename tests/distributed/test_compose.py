"""docs/compose.yaml says what it has to, in names that Airflow knows; no container is started."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.conftest import SETTINGS, TRIGGERERS, WORKERS

ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"\$\{[A-Z_]+:\?\}")  # of the caller's environment, and compose refuses to start without it
SAMPLE = "sk-x"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")  # comes with Airflow
    return dict(yaml.safe_load((ROOT / "docs/compose.yaml").read_text())["services"])


@pytest.fixture(scope="module")
def environment(services: dict[str, Any]) -> dict[str, str]:
    return dict(services["worker"]["environment"])


def test_compose_services_are_the_tested_components(services, environment):
    components = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert set(services) == {"postgres", "redis", "init", *components}
    assert services["triggerer"]["deploy"]["replicas"] == len(TRIGGERERS)
    assert services["worker"]["deploy"]["replicas"] == len(WORKERS)
    timeouts = {name: value for name, value in SETTINGS.items() if name.endswith("_TIMEOUT")}
    assert timeouts.items() <= environment.items()
    assert all("healthcheck" in service for name, service in services.items() if name != "init")


def test_compose_settings_each_is_an_airflow_option(services):
    pytest.importorskip("airflow.providers.celery", reason="`make test-distributed` makes an environment that has it")
    from airflow.configuration import conf  # noqa: PLC0415 # after the home of these tests is set

    options = {section: description["options"] for section, description in conf.configuration_description.items()}
    known = {f"AIRFLOW__{section}__{option}".upper() for section in options for option in options[section]}
    used = set(chain.from_iterable(service.get("environment", {}) for service in services.values()))
    assert {name for name in used if name.startswith("AIRFLOW__")} <= known


def test_compose_connection_read_has_key_and_triggerers(environment):
    from airflow.sdk import Connection  # noqa: PLC0415 # after the home of these tests is set

    from lemondata_provider.hooks.settings import ConnectionSettings  # noqa: PLC0415 # the same

    fields = json.loads(SECRET.sub(SAMPLE, environment["AIRFLOW_CONN_LEMONDATA_DEFAULT"]))
    read = ConnectionSettings.read(Connection(conn_id="x", **{**fields, "extra": json.dumps(fields["extra"])}))
    assert (read.api_key, read.triggerers) == (SAMPLE, len(TRIGGERERS))


def test_compose_secrets_each_comes_from_the_environment(environment, services):
    secrets = [environment[name] for name in environment if re.search("_CONN|KEY|SECRET|BACKEND|PASSWORD", name)]
    assert len(secrets) == 5
    assert all(SECRET.search(value) for value in [*secrets, services["postgres"]["environment"]["POSTGRES_PASSWORD"]])


def test_compose_image_has_the_tested_airflow_version(services):
    version = re.search(r"^AIRFLOW := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version
    (image,) = re.findall(r"FROM apache/airflow:(\S+)", services["worker"]["build"]["dockerfile_inline"])
    assert image == version[1]
