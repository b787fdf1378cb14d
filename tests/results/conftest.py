"""A bucket of moto's server for each test that asks, and the connection to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
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
    bucket = Bucket(moto_server)
    resource: Any = boto3.resource(
        "s3",
        endpoint_url=moto_server,
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
    )
    old = resource.Bucket(BUCKET)
    if old.creation_date:
        old.objects.all().delete()
        for upload in bucket.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            bucket.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
    else:
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
