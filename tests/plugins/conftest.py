from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from lemondata_provider.plugins.access import MAY_READ, readable_dags
from lemondata_provider.plugins.app import build
from tests.results.conftest import bucket as moto_bucket  # noqa: F401 # a fixture
from tests.videos.database import Rows, create_tables, sqlite


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An empty database with Airflow's two tables that the routes read."""
    with sqlite() as made:
        create_tables(made)
        yield made


@pytest.fixture
def rows(engine: Engine) -> Iterator[Rows]:
    """Writes into that database; visible to the routes at once."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, Session(connection) as session:
        yield Rows(session)


@pytest.fixture
def permitted() -> set[str]:
    """The DAGs that the caller may read; a test may change the set."""
    return {"dag", "a", "b"}


@pytest.fixture(scope="session")
def built_app() -> FastAPI:
    """The application; building it takes longer than most tests of it."""
    return build(auth_manager=object())


@pytest.fixture
def app(built_app: FastAPI, engine: Engine, permitted: set[str], monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application for a caller who may read some DAGs."""

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    overridden: dict[Any, Any] = {
        MAY_READ.dependency: lambda: None,
        readable_dags: lambda: permitted,
        get_args(SessionDep)[1].dependency: session,
    }
    monkeypatch.setattr(built_app, "dependency_overrides", overridden)
    return built_app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Asks the application as Airflow's API server does, but below no prefix."""
    return TestClient(app)
