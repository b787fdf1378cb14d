"""Who may read what: Airflow's own checks, since the application of a plugin inherits none."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import ReadableXComFilterDep, requires_access_dag
from fastapi import Depends, HTTPException

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.plugins.query_string import MapIndex
from lemondata_provider.videos.entry import VideoEntry
from lemondata_provider.videos.query import StoredVideo, find

MAY_READ = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))
"""The check of every route with data: 401 without a login, 403 without the right to read XComs (of a DAG, if named)."""


def readable_dags(allowed: Annotated[None, MAY_READ], permitted: ReadableXComFilterDep) -> set[str]:
    """Return the DAGs whose videos may be listed, counted and summed."""
    return set(permitted.value or ())


def task_instance(dag_id: str, run_id: str, task_id: str, map_index: MapIndex = -1) -> TaskInstanceKey:
    """Return the task instance that a query string names; run ids may hold slashes, so it is never a path."""
    return TaskInstanceKey(dag_id, task_id, run_id, map_index)


def readable_video(
    allowed: Annotated[None, MAY_READ], asked: Annotated[TaskInstanceKey, Depends(task_instance)], session: SessionDep
) -> StoredVideo:
    """
    Return the video of a task instance that may be read.

    :raises HTTPException: 404 if there is none; a wildcard as ``dag_id`` passes the check, and is no DAG's id.
    """
    video = find(session, asked)
    if video is None:
        raise HTTPException(404, "There is no video of this task instance.")
    return video


def readable_entry(video: Annotated[StoredVideo, Depends(readable_video)]) -> VideoEntry:
    """Return the entry of a task instance that may be read."""
    return video.entry
