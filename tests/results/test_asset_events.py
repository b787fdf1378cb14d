"""What the events of a task's outlets say of a stored video."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.hooks.version_compat import has_partitions
from lemondata_provider.results.asset_events import check_partition_key, checked_partition, fill_events

OUTPUT = {"uri": "s3://bucket/clip.mp4", "size": 10, "sha256": "aa", "duration": 4.0}
RESULT: dict[str, Any] = {
    "task_id": "t1",
    "model": "m1",
    "operation": "text-to-video",
    "estimated_cost_usd": "0.60",
    "created": None,
    "skipped": False,
    "video_url": "https://cdn.test/clip.mp4?signature=secret",
    "output_path": "s3://aws@bucket/clip.mp4",
    "outputs": [OUTPUT, {**OUTPUT, "uri": "s3://bucket/clip-2.mp4"}],
}


@pytest.fixture
def events() -> Any:
    """Return a context with Airflow's own accessors."""
    return {"outlet_events": OutletEventAccessors()}


def test_fill_events_asset_has_the_facts_of_the_first_file_and_no_link(events: Any) -> None:
    asset = Asset("clips", uri="s3://bucket/clips")
    fill_events([asset], events, RESULT)
    extra = events["outlet_events"][asset].extra
    assert extra.items() >= {**OUTPUT, "task_id": "t1", "model": "m1", "skipped": False}.items()
    assert "secret" not in str(extra)


def test_fill_events_alias_has_an_event_for_each_file(events: Any) -> None:
    alias = AssetAlias("clips")
    fill_events([alias], events, RESULT)
    found = events["outlet_events"][alias].asset_alias_events
    assert [event.dest_asset_key.uri for event in found] == [output["uri"] for output in RESULT["outputs"]]
    assert [event.extra["uri"] for event in found] == [output["uri"] for output in RESULT["outputs"]]


def test_fill_events_asset_keeps_the_extra_of_its_author(events: Any) -> None:
    asset = Asset("clips")
    events["outlet_events"][asset].extra = {"owner": "team"}
    fill_events([asset], events, RESULT)
    assert events["outlet_events"][asset].extra["owner"] == "team"


@pytest.mark.parametrize(("outlets", "result"), [([], RESULT), ([Asset("clips")], {**RESULT, "outputs": []})])
def test_fill_events_without_outlets_or_files_does_nothing(events: Any, outlets: Any, result: Any) -> None:
    fill_events(outlets, events, result)
    assert len(events["outlet_events"]) == 0


@pytest.mark.skipif(not has_partitions(), reason="this Airflow has no partition keys")  # 3.2, as on a user's machine
def test_fill_events_partition_is_the_path_with_its_connection(events: Any) -> None:
    asset = Asset("clips")
    fill_events([asset], events, RESULT, checked_partition("file"))
    assert events["outlet_events"][asset].partition_keys == {"s3://aws@bucket/clip.mp4"}


def test_checked_partition_other_word_or_older_airflow_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="must be 'file' or None"):
        checked_partition("day")
    if not has_partitions():
        with pytest.raises(InvalidRequestError, match=r"needs Airflow 3\.3"):
            checked_partition("file")


def test_check_partition_key_path_too_long_is_refused() -> None:
    check_partition_key(None, "/" + 300 * "x")
    check_partition_key("file", "/" + 200 * "x")
    with pytest.raises(InvalidRequestError, match="250 characters"):
        check_partition_key("file", "/" + 300 * "x")
