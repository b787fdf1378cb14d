"""One real Airflow with the built wheel, and one sandbox, for all end-to-end tests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

ROOT = Path(__file__).parents[2]
KEY = "sk-e2e-5bD1q9wqVtE7hJx2"  # looks like a real one, so that a search for it finds nothing else


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(api_key=KEY, generation_seconds=4.0)) as running:
        yield running


def connection_to(sandbox: Sandbox, path: str) -> str:
    """Return a connection whose Base URL has a path."""
    return json.dumps({**json.loads(sandbox.connection_uri), "host": f"{sandbox.url}{path}"})


@pytest.fixture(scope="session")
def airflow(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """A real Airflow that reads the DAGs of the repository and those of these tests."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(ROOT / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests/e2e/dags", dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    python = Path(os.environ.get("LEMONDATA_WHEEL_PYTHON", ROOT / ".venv-wheel/bin/python"))
    environment = {
        "AIRFLOW_CONN_LEMONDATA_DEFAULT": sandbox.connection_uri,
        "AIRFLOW_CONN_LEMONDATA_ENDPOINT": connection_to(sandbox, "/v1/videos"),
        "AIRFLOW_CONN_LEMONDATA_ELSEWHERE": connection_to(sandbox, "/elsewhere"),
        # Half of all workers stand idle for 5 s after a task: Airflow's supervisor misses the end of its process.
        "AIRFLOW__CORE__PARALLELISM": "8",
    }
    with LocalAirflow(home=home, dags=dags, python=python, environment=environment) as running:
        yield running
