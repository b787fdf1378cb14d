"""Databases for one run: there, and gone afterwards; and what is said where a server is missing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness import servers

BOTH = """
import time
from harness import servers
with servers.postgres_database() as postgres, servers.redis_database() as redis:
    print(postgres, redis, flush=True)
    time.sleep(60)
"""


def postgres_names() -> set[str]:
    with servers.postgres_database() as url:
        import psycopg2  # noqa: PLC0415 # few environments have it

        with psycopg2.connect(urlsplit(url)._replace(scheme="postgresql").geturl()) as database:
            cursor = database.cursor()
            cursor.execute("SELECT datname FROM pg_database")
            return {name for (name,) in cursor.fetchall()}


def redis_size(url: str) -> int:
    import redis  # noqa: PLC0415 # few environments have it

    return int(redis.Redis.from_url(url).dbsize())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_databases_signal_to_the_starter_removes_them(databases, number):
    starter = subprocess.Popen(
        [sys.executable, "-c", BOTH], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert starter.stdout is not None
    postgres, redis = starter.stdout.readline().decode().split()
    name = urlsplit(postgres).path[1:]
    assert name in postgres_names()
    assert redis_size(redis) == 1
    starter.send_signal(number)
    assert starter.wait(timeout=30) in {128 + number, -number}
    assert name not in postgres_names()
    assert redis_size(redis) == 0


def test_databases_second_run_gets_its_own(databases):
    with servers.postgres_database() as postgres, servers.redis_database() as redis:
        assert postgres != databases["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        assert redis != databases["AIRFLOW__CELERY__BROKER_URL"]


def test_databases_missing_server_raises_with_the_install_command(databases, monkeypatch):
    monkeypatch.setenv(servers.POSTGRES, "postgresql://postgres@127.0.0.1:1/postgres")
    monkeypatch.setenv(servers.REDIS, "redis://127.0.0.1:1")
    with pytest.raises(servers.ServerMissingError, match="apt-get install postgresql"), servers.postgres_database():
        pass
    with pytest.raises(servers.ServerMissingError, match="apt-get install redis-server"), servers.redis_database():
        pass
