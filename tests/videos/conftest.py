from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy.orm import Session

from harness.servers import ServerMissingError
from tests.videos.database import Rows, create_tables, postgres, sqlite


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.distributed)])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on an empty database."""
    database = {"sqlite": sqlite, "postgres": postgres}[request.param]
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(database())
        except ServerMissingError as error:
            pytest.skip(str(error))  # it says which server or client is missing, and what brings it
        create_tables(engine)
        yield stack.enter_context(Session(engine))


@pytest.fixture
def rows(session: Session) -> Rows:
    """Writes into the session's database."""
    return Rows(session)
