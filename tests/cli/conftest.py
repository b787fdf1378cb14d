from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.orm import Session

from tests.videos.database import create_tables, sqlite


@pytest.fixture
def new_session() -> Iterator[Callable[[], Session]]:
    """Opens an Airflow database, with the tables that hold videos."""
    with sqlite() as engine:
        create_tables(engine)
        yield lambda: Session(engine)
