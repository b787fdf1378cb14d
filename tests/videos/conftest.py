from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from harness.servers import ServerMissingError
from tests.videos.database import Rows, create_tables, postgres, sqlite


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.distributed)])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on an empty database."""
    made = {"sqlite": sqlite, "postgres": postgres}[request.param]()
    try:
        engine = made.__enter__()
    except ServerMissingError as error:
        pytest.skip(str(error))  # it says which server or client is missing, and what brings it
    create_tables(engine)
    with Session(engine) as opened:
        yield opened
    made.__exit__(None, None, None)


@pytest.fixture
def rows(session: Session) -> Rows:
    """Writes into the session's database."""
    return Rows(session)
