"""Fixtures of the API layer's tests."""

from __future__ import annotations

import json
import pickle
import socket
from collections.abc import Callable

import pytest

from lemondata_provider.api.errors import LemonDataError
from tests.api.doubles import ScriptedService, Sender


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Sender:
    return Sender(request.param)


@pytest.fixture
def service() -> type[ScriptedService]:
    return ScriptedService


@pytest.fixture
def everything_shown() -> Callable[[BaseException], str]:
    """Return all that can be seen of an exception, by a reader, a log, an event or a pickle."""

    def show(error: BaseException) -> str:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own pickle
        texts = [str(error), repr(error), repr(error.args), repr(vars(error)), str(again), repr(vars(again))]
        if isinstance(error, LemonDataError):
            texts.append(json.dumps(error.to_dict()))
        return "\n".join([*texts, pickle.dumps(error, protocol=0).decode("latin-1")])

    return show


@pytest.fixture
def unused_url() -> str:
    """Return a URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}/files/clip.mp4"
