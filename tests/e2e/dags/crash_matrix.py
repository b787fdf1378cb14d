"""Every cell of the crash matrix."""

import os
from datetime import timedelta

from airflow.sdk import DAG
from barriers import StoppingSensor, StoppingSubmit
from crash_cells import CELLS, DAG_IDS, RETRIES, STORING, Cell

from lemondata_provider.operators.video import SubmitVideoOperator


def killed_operator(cell: Cell, **arguments) -> None:
    arguments |= {"stop_at": cell.point, "deferrable": cell.way.deferrable, "durable": cell.durable}
    if cell.point in STORING:
        arguments["output_path"] = f"{os.environ['AIRFLOW_HOME']}/clips/{cell.task_id}-{{{{ ti.map_index }}}}.mp4"
    submit(StoppingSubmit, cell, task_id=cell.task_id, wait_for_completion=True, poll_interval=1, **arguments)


def killed_sensor(cell: Cell, **arguments) -> None:
    submitted = submit(SubmitVideoOperator, cell, task_id=f"submit--{cell.task_id}", **arguments).output
    arguments |= {"stop_at": cell.point, "deferrable": cell.way.deferrable, "poke_interval": 1}
    if cell.mapped:
        StoppingSensor.partial(task_id=cell.task_id, **arguments).expand(poll_url=submitted)
    else:
        StoppingSensor(task_id=cell.task_id, poll_url=submitted, **arguments)


def submit(operator, cell: Cell, **arguments):
    arguments["model"] = "sora-2"
    prompts = [cell.prompt(map_index) for map_index in cell.map_indexes]
    if cell.mapped:
        return operator.partial(**arguments).expand(prompt=prompts)
    return operator(prompt=prompts[0], **arguments)


for dag_id in DAG_IDS:
    default_args = {"retries": RETRIES, "retry_delay": timedelta(seconds=1)}
    with DAG(dag_id, schedule=None, default_args=default_args, max_active_tasks=100):
        for cell in CELLS:
            if cell.dag_id == dag_id:
                killed = killed_sensor if cell.way.sensor else killed_operator
                killed(cell, lemondata_conn_id=cell.lemondata_conn_id)
