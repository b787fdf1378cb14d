"""Runs inside an Airflow with the FAB auth manager: makes roles, users, and videos of two DAGs."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from sqlalchemy import text

from tests.videos.database import Rows

PASSWORD = "e2e-Passw0rd"
PERMISSIONS = {
    "one-dag": ("DAG:one", "XComs"),
    "no-xcoms": ("DAG:one", "DAG:two"),
    "nothing": (),
}
"""What users of that name and role may read."""


def make_users() -> None:
    # Not at the top: each run that collects these tests would pay for it.
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder  # noqa: PLC0415 # 1 s

    with get_application_builder() as builder:
        manager = builder.sm
        for name, resources in PERMISSIONS.items():
            role = manager.add_role(name)
            for resource in resources:
                manager.add_permission_to_role(role, manager.create_permission("can_read", resource))
        for name in (*PERMISSIONS, "Viewer", "Admin"):
            role = manager.find_role(name)
            assert manager.add_user(name, name, name, f"{name}@example.com", role, password=PASSWORD)


def make_videos() -> None:
    now = datetime.now(timezone.utc)
    with create_session() as session:
        session.execute(text("PRAGMA foreign_keys=OFF"))  # runs and versions of these DAGs are of no interest here
        session.merge(DagBundleModel(name="videos"))
        for dag_id in ("one", "two"):
            limits = {"max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False}
            dag = {"dag_id": dag_id, "bundle_name": "videos", "timetable_type": "", **limits}
            session.execute(DagModel.__table__.insert().values(**dag))
        rows = Rows(session)
        for dag_id, cost in (("one", "1.00"), ("two", "5.00")):
            rows.add(
                f"{dag_id}/run/clip", at=now, created=now.timestamp(), model=f"model-{dag_id}", estimated_cost=cost
            )


if __name__ == "__main__":
    make_users()
    make_videos()
