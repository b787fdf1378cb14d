"""The same with a sensor that takes the video's URL along, which its documentation does not tell: two requests less."""

import json
from datetime import timedelta

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import PokeReturnValue, dag
from airflow.sdk.exceptions import AirflowFailException

SUBMIT = {
    "http_conn_id": "lemondata_http",
    "endpoint": "/v1/videos/generations",
    "headers": {"Content-Type": "application/json"},
    "response_filter": lambda response: response.json()["poll_url"],
}
WAIT = {
    "http_conn_id": "lemondata_http",
    "mode": "reschedule",
    "poke_interval": 5,
    "response_check": lambda response: video_url(response.json()),
}


def video_url(task: dict) -> PokeReturnValue:
    if task["status"] == "failed":
        raise AirflowFailException(str(task["error"]))
    return PokeReturnValue(is_done=task["status"] == "completed", xcom_value=task.get("video_url"))


@dag(schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)})
def stock_http_taking_along():
    generate = HttpOperator(
        task_id="generate",
        data=json.dumps({"model": "sora-2", "operation": "text-to-video", "prompt": "A calm sea.", "duration": 4}),
        **SUBMIT,
    )
    generated = HttpSensor(task_id="wait_generated", endpoint=generate.output, **WAIT)
    upscale = HttpOperator(
        task_id="upscale",
        data=json.dumps(
            {
                "model": "topaz-video-upscale",
                "operation": "video-to-video",
                "prompt": "Keep the motion.",
                "video_url": "{{ ti.xcom_pull(task_ids='wait_generated') }}",
            }
        ),
        **SUBMIT,
    )
    upscaled = HttpSensor(task_id="wait_upscaled", endpoint=upscale.output, **WAIT)
    generated >> upscale >> upscaled


stock_http_taking_along()
