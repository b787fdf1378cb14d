"""Generate and upscale with the HTTP provider, as its documentation tells: submit, wait for True, fetch the result."""

import json
from datetime import timedelta

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import dag
from airflow.sdk.exceptions import AirflowFailException

SUBMIT = {
    "http_conn_id": "lemondata_http",
    "endpoint": "/v1/videos/generations",
    "headers": {"Content-Type": "application/json"},
    "response_filter": lambda response: response.json()["poll_url"],
}
# The sensor cannot defer when it has a response_check, and that returns True or False: the URL is fetched afterwards.
WAIT = {
    "http_conn_id": "lemondata_http",
    "mode": "reschedule",
    "poke_interval": 5,
    "response_check": lambda response: is_completed(response.json()),
}
FETCH = {
    "http_conn_id": "lemondata_http",
    "method": "GET",
    "response_filter": lambda response: response.json()["video_url"],
}


def is_completed(task: dict) -> bool:
    if task["status"] == "failed":
        raise AirflowFailException(str(task["error"]))
    return task["status"] == "completed"


# The retries are for Airflow itself, which fails some of the tasks that it starts again; all these DAGs have them.
@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def stock_http():
    generate = HttpOperator(
        task_id="generate",
        data=json.dumps({"model": "sora-2", "operation": "text-to-video", "prompt": "A calm sea.", "duration": 4}),
        **SUBMIT,
    )
    generated = HttpSensor(task_id="wait_generated", endpoint=generate.output, **WAIT)
    video = HttpOperator(task_id="video", endpoint=generate.output, **FETCH)
    upscale = HttpOperator(
        task_id="upscale",
        data=json.dumps(
            {
                "model": "topaz-video-upscale",
                "operation": "video-to-video",
                "prompt": "Keep the motion.",
                "video_url": "{{ ti.xcom_pull(task_ids='video') }}",
            }
        ),
        **SUBMIT,
    )
    upscaled = HttpSensor(task_id="wait_upscaled", endpoint=upscale.output, **WAIT)
    upscaled_video = HttpOperator(task_id="upscaled_video", endpoint=upscale.output, **FETCH)
    generated >> video >> upscale >> upscaled >> upscaled_video


stock_http()
