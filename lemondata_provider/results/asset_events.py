"""
Asset events of stored videos, through Airflow's own ``outlets``.

An event's extra tells what the sidecar tells, as scalars: Airflow stores it for ever, and shows it to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, AssetAlias, Context

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.hooks.version_compat import has_partitions

MAX_KEY = 250  # characters that Airflow stores of a partition key
_FROM_RESULT = ("task_id", "model", "operation", "estimated_cost_usd", "created", "skipped")


def checked_partition(asset_partition: Any) -> str | None:
    """
    Return how events are partitioned.

    :param asset_partition: of an operator.
    :raises InvalidRequestError: it is no such word, or this Airflow has no partitions.
    """
    if asset_partition is None:
        return None
    if asset_partition != "file":
        raise InvalidRequestError(f"asset_partition must be 'file' or None, not {asset_partition!r}")
    if not has_partitions():
        raise InvalidRequestError("asset_partition='file' needs Airflow 3.3 or newer")
    return "file"


def check_partition_key(asset_partition: str | None, path: str) -> None:
    """
    Refuse a path that is too long for a partition key, before anything is paid.

    :raises InvalidRequestError: if it is.
    """
    if asset_partition and len(path) > MAX_KEY:
        raise InvalidRequestError(
            f"With asset_partition='file' a path may have {MAX_KEY} characters, and this one has {len(path)}: {path}"
        )


def fill_events(
    outlets: list[Any], context: Context, result: Mapping[str, Any], asset_partition: str | None = None
) -> None:
    """
    Say in the events of a task's outlets which video was stored.

    An asset gets one event, with the first file; an alias gets one for each file.

    :param outlets: of the operator.
    :param context: Airflow's context.
    :param result: what the operator returns.
    :param asset_partition: ``file`` gives the event of an asset the file's path as its partition key.
    """
    if not outlets or not result["outputs"]:
        return
    extras = [{**output, **{name: result.get(name) for name in _FROM_RESULT}} for output in result["outputs"]]
    for outlet in outlets:
        event: Any = context["outlet_events"][outlet]
        if isinstance(outlet, AssetAlias):
            for extra in extras:
                event.add(Asset(extra["uri"]), extra=extra)
            continue
        event.extra = {**event.extra, **extras[0]}
        if asset_partition:
            event.add_partitions(result["output_path"])
