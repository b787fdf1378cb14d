"""What only a bucket can refuse: connections, packages, buckets, rights; each before the video is paid for."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from lemondata_provider.api.errors import OutputUnwritableError
from lemondata_provider.results.paths import target_for
from tests.results.stores import Bucket

CLIP = "s3://minio@clips/day/clip.mp4"


def refused(path: str, *words: str) -> None:
    with pytest.raises(OutputUnwritableError) as caught:
        target_for(path).preflight()
    assert not caught.value.final
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_preflight_connection_not_defined_names_it(bucket: Bucket) -> None:
    refused("s3://nowhere@clips/clip.mp4", "'nowhere'", "not defined")


def test_preflight_bucket_missing_names_it(bucket: Bucket) -> None:
    refused("s3://minio@no-such-bucket/clip.mp4", "no bucket 'no-such-bucket'")


def test_preflight_s3fs_missing_names_the_package(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    refused(CLIP, "pip install 'airflow-provider-lemondata[s3]'")


def test_preflight_provider_missing_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE", "google-cloud-platform://")
    refused("gs://google@clips/clip.mp4", "pip install 'airflow-provider-lemondata[gcs]'")


def test_preflight_endpoint_away_says_so(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bucket.config = {"retries": {"max_attempts": 0}}
        bucket.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", bucket.connection())
    refused(CLIP, "EndpointConnectionError")


def test_preflight_connection_defined_later_is_found(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_MINIO")
    refused(CLIP, "not defined")
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", bucket.connection())
    target_for(CLIP).preflight()


@pytest.mark.parametrize(("name", "kind"), [("clip.mp4", "video/mp4"), ("clip.mp4.json", "application/json")])
def test_sink_object_has_its_content_type(bucket: Bucket, name: str, kind: str) -> None:
    target_for(f"{bucket.base}/{name}").write(b"x")
    assert bucket.client.head_object(Bucket="clips", Key=f"day/{name}")["ContentType"] == kind


def test_sink_bucket_gone_during_the_upload_leaves_no_error_unexplained(bucket: Bucket) -> None:
    sink = target_for("s3://minio@no-such-bucket/clip.mp4").sink(exclusive=True)
    sink.write(b"x")
    with pytest.raises(OutputUnwritableError, match=r"s3://no-such-bucket/clip\.mp4 cannot be written"):
        sink.commit()
    sink.abandon()


# --- rights


@pytest.fixture
def rights(bucket: Bucket, moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that gives the connection exactly these rights."""

    def give(*actions: str) -> None:
        keys = {"region_name": "us-east-1", "aws_access_key_id": "id", "aws_secret_access_key": "secret"}
        iam: Any = boto3.client("iam", endpoint_url=moto_server, **keys)
        user = f"user-{len(iam.list_users()['Users'])}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        resources = ["arn:aws:s3:::clips", "arn:aws:s3:::clips/*"]
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=user, PolicyName="some", PolicyDocument=document)
        monkeypatch.setenv("AIRFLOW_CONN_MINIO", bucket.connection(key["AccessKeyId"], key["SecretAccessKey"]))
        httpx.post(f"{moto_server}/moto-api/reset-auth", content=b"0", trust_env=False)

    yield give
    httpx.post(f"{moto_server}/moto-api/reset-auth", content=b"Infinity", trust_env=False)


def test_preflight_without_the_right_to_list_passes(rights: Any, caplog: pytest.LogCaptureFixture) -> None:
    rights("s3:GetObject", "s3:PutObject")
    with caplog.at_level(logging.INFO):
        target_for(CLIP).preflight()
    assert "may not read the bucket clips" in caplog.text


def test_sink_with_the_right_to_put_only_writes(rights: Any, bucket: Bucket) -> None:
    rights("s3:PutObject")
    sink = target_for(CLIP).sink(exclusive=False)
    sink.write(b"x" * 10)
    sink.commit()


def test_size_without_any_right_is_an_error_and_not_nothing(rights: Any) -> None:
    rights("s3:ListAllMyBuckets")
    with pytest.raises(OutputUnwritableError, match="PermissionError"):
        target_for(CLIP).size()


def test_sink_without_the_right_to_put_says_so(rights: Any) -> None:
    rights("s3:GetObject", "s3:ListBucket")
    sink = target_for(CLIP).sink(exclusive=False)
    sink.write(b"x")
    with pytest.raises(OutputUnwritableError, match="PermissionError"):
        sink.commit()
    sink.abandon()
