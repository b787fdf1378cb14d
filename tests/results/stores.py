"""Places to write to: a folder, and a bucket of a real server that speaks S3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3

BUCKET = "clips"


class Folder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = f"file://{folder}"
        self.uri = self.base

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def get(self, name: str) -> bytes | None:
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def leftovers(self) -> list[str]:
        return [name for name in self.names() if name.endswith(".part")]


class Bucket:
    """A bucket, seen from outside of the package under test."""

    def __init__(self, endpoint: str, name: str = BUCKET) -> None:
        self.endpoint = endpoint
        self.config: dict[str, Any] = {}
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="id",
            aws_secret_access_key="secret",
        )
        self.base = f"s3://minio@{name}/day"
        self.uri = f"s3://{name}/day"

    def connection(self, login: str = "id", password: str = "secret") -> str:  # noqa: S107 # moto takes any
        extra = {"endpoint_url": self.endpoint, "region_name": "us-east-1", "config_kwargs": self.config}
        return json.dumps({"conn_type": "aws", "login": login, "password": password, "extra": extra})

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"day/{name}", Body=content)

    def get(self, name: str) -> bytes | None:
        if name not in self.names():
            return None
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=f"day/{name}")["Body"].read()
        return content

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return sorted(item["Key"].removeprefix("day/") for item in listed)

    def leftovers(self) -> list[str]:
        uploads = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return [upload["Key"] for upload in uploads]
