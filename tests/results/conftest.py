"""A bucket of moto's server for each test that asks, and the connection to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.outputs import Kept
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin
from tests.api.file_server import FileServer, serving
from tests.results.keeping import CONTENT, ORIGIN, quick, task
from tests.results.stores import BUCKET, Bucket, Folder


@pytest.fixture
def bucket(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    httpx.post(f"{moto_server}/moto-api/reset", trust_env=False).raise_for_status()
    bucket = Bucket(moto_server)
    bucket.client.create_bucket(Bucket=BUCKET)
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", bucket.connection())
    return bucket


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A place to write to, of each kind."""
    if request.param == "bucket":
        return request.getfixturevalue("bucket")
    (tmp_path / "day").mkdir()
    return Folder(tmp_path / "day")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def keep(store: Any, server: FileServer) -> Callable[..., Kept]:
    def run(*urls: str, origin: Origin = ORIGIN, renew: Any = None, **more: Any) -> Kept:
        keeper = ResultKeeper(target_for(f"{store.base}/clip.mp4"), new_downloader=quick, **more)
        return keeper.keep(task(*(urls or (server.url,))), origin, renew)

    return run
