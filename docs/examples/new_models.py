"""A run for each release of video models."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from lemondata_provider.triggers.models import ModelReleasedTrigger

trigger = ModelReleasedTrigger(interval=timedelta(minutes=30))
released = Asset("lemondata_models", watchers=[AssetWatcher(name="released", trigger=trigger)])


@dag(schedule=[released])
def new_models() -> None:
    """Return the names of the new models."""

    @task
    def names(triggering_asset_events: Any = None) -> list[str]:
        events = triggering_asset_events[released]
        payloads = [event.extra["payload"] for event in events]
        return sorted({new["model"] for payload in payloads for new in payload["models"]})

    names()


new_models()
