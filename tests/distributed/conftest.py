"""Airflow's distributed engine on this machine: PostgreSQL, Redis, two triggerers and two Celery workers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import servers
from harness.local_airflow import COMPONENTS, LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

ROOT = Path(__file__).parents[2]
REQUESTS_PER_MINUTE = 1000
TRIGGERERS = ("triggerer-1", "triggerer-2")
WORKERS = ("worker-1", "worker-2")
DAYS = int(os.environ.get("LEMONDATA_TEST_DAYS", "60"))
CLIPS = 5 * DAYS  # all at once
SLOTS = 6  # of each worker: more than two cores can serve, since a slot stands idle for seconds after many a task

DISTRIBUTED = {
    **{name: command for name, command in COMPONENTS.items() if name != "triggerer"},
    **dict.fromkeys(TRIGGERERS, COMPONENTS["triggerer"]),
    **{
        name: ("celery", "worker", "--celery-hostname", name, "--concurrency", str(SLOTS), "--skip-serve-logs")
        for name in WORKERS
    },
}

SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    # Queued and running. Hardly more than there are slots: what waits in Redis waits there without a timeout of ours.
    "AIRFLOW__CORE__PARALLELISM": str(2 * SLOTS * len(WORKERS)),
    # How long the tasks of a dead worker stay "running". The default is 300 s; a worker tells every 5 s that a task
    # lives, so that 60 s is twelve missed in a row.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    # How long a message that a dead worker had taken is lost, and with it a task that stays "queued". The default is
    # a day. Tasks that wait deferred are done with a worker in seconds; one that holds a worker for longer is
    # delivered a second time, and Airflow refuses to run it twice.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.distributed)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(generation_seconds=45.0, requests_per_minute=REQUESTS_PER_MINUTE)) as running:
        yield running


@pytest.fixture(scope="session")
def databases() -> Iterator[dict[str, str]]:
    """Where Airflow keeps its state, its messages and their results, as settings."""
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(servers.postgres_database())
            redis = stack.enter_context(servers.redis_database())
        except servers.ServerMissingError as error:
            pytest.skip(str(error))  # it says which server is missing here, and which variable names one
        yield {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres}",
            "AIRFLOW__CELERY__BROKER_URL": redis,
        }


@pytest.fixture(scope="session")
def airflow(
    sandbox: Sandbox, databases: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    for source in (*(ROOT / "dags").glob("*.py"), *Path(__file__).parent.glob("dags/*.py")):
        dags.mkdir(exist_ok=True)
        shutil.copy(source, dags)
    extra = {"requests_per_minute": REQUESTS_PER_MINUTE, "triggerers": len(TRIGGERERS)}
    connection = {**json.loads(sandbox.connection_uri), "extra": extra}
    environment = {**SETTINGS, **databases, "AIRFLOW_CONN_LEMONDATA_DEFAULT": json.dumps(connection)}
    environment["CLIPS"] = str(CLIPS)
    with LocalAirflow(home=home, dags=dags, environment=environment, components=DISTRIBUTED) as running:
        yield running
