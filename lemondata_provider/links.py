"""
The links of a task instance in Airflow's UI: the video, its file, the model and LemonData's dashboard.

Airflow asks for them in the worker after each stretch of a task, before a deferral and after a failure too, and stores
them as XComs. So a link never holds a query: that may be a signature. A link that leads nowhere is empty.

Sources: https://docs.lemondata.cc (the dashboard; get-model, which needs no key).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseHook, BaseOperatorLink

from lemondata_provider.api.signed_links import unsigned
from lemondata_provider.hooks.settings import ConnectionSettings

log = logging.getLogger(__name__)

NO_LINK = ""  # Airflow would show None as a link to "None"
SITES = {"api.tokenlab.sh": "https://tokenlab.sh", "api.lemondata.cc": "https://lemondata.cc"}
# Names that tell of a storage that is not the provider's own, so its console does not show the file.
OTHER_STORAGE = {"s3": ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"), "gs": ("STORAGE_EMULATOR_HOST",)}
_MODEL = re.compile(r"[\w.:-]{1,200}")

GetConnection = Callable[[str], Any]


class _Link(BaseOperatorLink):
    """
    A link that needs the result of an operator, or a connection.

    :param get_connection: returns a connection.
    """

    def __init__(self, get_connection: GetConnection = BaseHook.get_connection) -> None:
        self._get_connection = get_connection


class VideoLink(_Link):
    """The video at LemonData, until that link ends; none if the link is signed."""

    name = "Video"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL of the finished video."""
        return unsigned(_result_of(operator).get("video_url"))


class FileLink(_Link):
    """The stored file: in the console of AWS or Google Cloud, or on the worker's disk."""

    name = "File"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page of the stored file."""
        result = _result_of(operator)
        uri = result.get("output_uri")
        return file_page(uri, str(result.get("output_path")), self._get_connection) if isinstance(uri, str) else NO_LINK


class DashboardLink(_Link):
    """LemonData's dashboard, which finds a task by its id: no page of a single task is documented."""

    name = "LemonData dashboard"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the dashboard of the connection's host; a gateway has none."""
        site = SITES.get(_api_host(operator, self._get_connection))
        return f"{site}/dashboard" if site else NO_LINK


class ModelLink(_Link):
    """What LemonData says of the model today, as JSON."""

    name = "Model"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the public address of the model."""
        result = getattr(operator, "poll_url", None)
        model = result.get("model") if isinstance(result, Mapping) else getattr(operator, "model", None)
        host = _api_host(operator, self._get_connection)
        if host not in SITES or not isinstance(model, str) or not _MODEL.fullmatch(model):
            return NO_LINK
        return f"https://{host}/v1/models/{model}"


EXTRA_LINKS: tuple[BaseOperatorLink, ...] = (VideoLink(), FileLink(), DashboardLink(), ModelLink())
TASK_LINKS: tuple[BaseOperatorLink, ...] = tuple(link for link in EXTRA_LINKS if not isinstance(link, FileLink))


def _result_of(operator: Any) -> Mapping[str, Any]:
    """Return what this process found out: reading XComs would cost each stretch of each task a request."""
    return getattr(operator, "last_result", None) or {}


def file_page(uri: str, path: str, get_connection: GetConnection) -> str:
    """
    Return the page that shows a file.

    :param uri: the file, without its connection.
    :param path: as the user gave it, with the connection.
    :param get_connection: returns a connection.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme == "file":
        return uri
    if scheme not in OTHER_STORAGE or not key or _is_other_storage(scheme, path, get_connection):
        return NO_LINK
    if scheme == "s3":
        return f"https://s3.console.aws.amazon.com/s3/object/{quote(bucket)}?prefix={quote(key, safe='')}"
    return f"https://console.cloud.google.com/storage/browser/_details/{quote(bucket)}/{quote(key)}"


def _is_other_storage(scheme: str, path: str, get_connection: GetConnection) -> bool:
    conn_id, has_connection, _ = path.partition("://")[2].partition("/")[0].rpartition("@")
    if any(os.environ.get(name) for name in OTHER_STORAGE[scheme]):
        return True
    if scheme != "s3" or not has_connection:
        return False
    try:
        extra = get_connection(conn_id).extra_dejson
    except Exception as error:  # noqa: BLE001 # a secrets backend may raise anything; a link is worth no failure
        log.info("No link to the file: the connection %s cannot be looked up (%s)", conn_id, type(error).__name__)
        return True
    # China and the government regions have consoles of their own.
    region = str(extra.get("region_name") or "")
    return bool(_endpoint(extra)) or region.startswith(("cn-", "us-gov-", "us-iso"))


def _endpoint(extra: Mapping[str, Any]) -> Any:
    services = extra.get("service_config")
    s3 = services.get("s3") if isinstance(services, Mapping) else None
    return extra.get("endpoint_url") or (s3.get("endpoint_url") if isinstance(s3, Mapping) else None)


def _api_host(operator: Any, get_connection: GetConnection) -> str:
    return _host_of_connection(str(getattr(operator, "lemondata_conn_id", "")), get_connection)


@lru_cache(maxsize=16)  # two links ask at the end of each stretch, and a secrets backend may be slow
def _host_of_connection(conn_id: str, get_connection: GetConnection) -> str:
    try:
        return urlsplit(ConnectionSettings.read(get_connection(conn_id)).base_url).hostname or ""
    except Exception as error:  # noqa: BLE001 # as above: the task itself fails with the reason
        log.info("No link to LemonData: the connection %s cannot be used (%s)", conn_id, type(error).__name__)
        return ""
