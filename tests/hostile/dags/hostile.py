"""Waits on services that answer with anything, and on connections that are refused or away for minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import dag, get_current_context, task

from lemondata_provider.sensors.task import TaskSensor


@dag(schedule=None)
def hostile_answers():
    for name in ("nul", "oversized", "bomb"):
        for deferrable in (True, False):
            TaskSensor(
                task_id=f"{name}_{'deferred' if deferrable else 'in_the_worker'}",
                poll_url=f"/v1/tasks/{name}",
                lemondata_conn_id="lemondata_hostile",
                deferrable=deferrable,
                timeout=40,
                poke_interval=2,
            )
    TimeDeltaSensor(task_id="bystander", delta=timedelta(seconds=30), deferrable=True)


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def outages():
    @task
    def poll_urls(kind: str) -> list[str]:
        conf: dict[str, Any] = get_current_context()["dag_run"].conf or {}
        return list(conf[kind])

    for kind in ("rotated", "firewalled", "secret"):
        TaskSensor.partial(
            task_id=kind, lemondata_conn_id=f"lemondata_{kind}", deferrable=True, timeout=3600, poke_interval=5
        ).expand(poll_url=poll_urls.override(task_id=f"{kind}_urls")(kind))


hostile_answers()
outages()
