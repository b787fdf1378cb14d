"""A PostgreSQL database and a Redis database for one run, on servers that run already; nothing is left on them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from harness import processes

POSTGRES = "LEMONDATA_TEST_POSTGRES"
"""The environment variable with the URL of a PostgreSQL server, of a role that may create databases."""

REDIS = "LEMONDATA_TEST_REDIS"
"""The environment variable with the URL of a Redis server, without the number of a database."""

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {POSTGRES: "postgresql://postgres@127.0.0.1:5432/postgres", REDIS: "redis://127.0.0.1:6379"}
)
INSTALL: Mapping[str, str] = MappingProxyType({POSTGRES: "postgresql", REDIS: "redis-server"})


class ServerMissingError(RuntimeError):
    """A server does not answer, or its Python client is not installed; the message says what to do about it."""


@contextmanager
def postgres_database() -> Iterator[str]:
    """Create a PostgreSQL database, give its URL as SQLAlchemy takes it, and drop it."""
    try:
        import psycopg2  # noqa: PLC0415 # few environments have it
    except ImportError as error:
        raise _without_client(error) from None
    name = f"lemondata_{secrets.token_hex(4)}"

    def execute(statement: str) -> None:
        with closing(psycopg2.connect(_url(POSTGRES), connect_timeout=5)) as server:
            server.autocommit = True  # a database is not created in a transaction
            with server.cursor() as cursor:
                cursor.execute(statement)

    with processes.exit_on_termination():
        try:
            execute(f"CREATE DATABASE {name}")
        except psycopg2.OperationalError as error:
            raise _without_server(POSTGRES, error) from None
        try:
            yield urlsplit(_url(POSTGRES))._replace(scheme="postgresql+psycopg2", path=f"/{name}").geturl()
        finally:
            with processes.deferred_signals():
                execute(f"DROP DATABASE {name} WITH (FORCE)")  # connections of dead processes may linger


@contextmanager
def redis_database() -> Iterator[str]:
    """Take an unused Redis database, give its URL, and empty it."""
    try:
        import redis  # noqa: PLC0415 # few environments have it
    except ImportError as error:
        raise _without_client(error) from None

    def connect(number: int) -> Any:
        return closing(redis.Redis.from_url(_url(REDIS), db=number, socket_connect_timeout=5))

    with processes.exit_on_termination():
        try:
            with connect(0) as server:
                numbers = int(server.config_get("databases")["databases"])
        except redis.ConnectionError as error:
            raise _without_server(REDIS, error) from None
        for number in reversed(range(numbers)):  # most people use the first ones
            with connect(number) as database:
                if database.dbsize() or not database.set("taken by", f"process {os.getpid()}", nx=True):
                    continue
                try:
                    yield urlsplit(_url(REDIS))._replace(path=f"/{number}").geturl()
                finally:
                    with processes.deferred_signals():
                        database.flushdb()
                return
        raise ServerMissingError(f"All {numbers} databases of the Redis server at {_url(REDIS)} are in use")


def _url(variable: str) -> str:
    return os.environ.get(variable) or DEFAULTS[variable]


def _without_client(error: ImportError) -> ServerMissingError:
    return ServerMissingError(f"{error}: `make test-distributed` makes an environment that has it")


def _without_server(variable: str, error: Exception) -> ServerMissingError:
    where = f"the server that {variable} names" if variable in os.environ else f"a server at {DEFAULTS[variable]}"
    return ServerMissingError(
        f"This needs {where}: apt-get install {INSTALL[variable]}, or name another in {variable}. ({error})"
    )
