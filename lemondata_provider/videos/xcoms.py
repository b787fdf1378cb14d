"""
Write what the page shows of a task instance as XComs of its own.

``BaseXCom`` keeps them as JSON in Airflow's database, whatever XCom backend the user has: the page reads them there.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.entry import ENTRY_KEY, VideoEntry
from lemondata_provider.videos.progress import PROGRESS_KEY, Progress


def write_entry(task_instance: TaskInstanceKey, entry: VideoEntry) -> None:
    """Write the entry of a task instance, from its worker. Blocks, and raises whatever Airflow has trouble with."""
    _write(ENTRY_KEY, entry.to_json(), task_instance)


def write_progress(task_instance: TaskInstanceKey, progress: Progress) -> None:
    """Write the progress of a task instance, from a thread of the triggerer. Blocks, and raises as above."""
    _write(PROGRESS_KEY, progress.to_json(), task_instance)


def _write(key: str, value: dict[str, Any], task_instance: TaskInstanceKey) -> None:
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 # not to parse a DAG

    BaseXCom.set(key, value, **asdict(task_instance))
