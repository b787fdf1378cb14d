"""
Take another model if the first one is not available.

A model that is not found, not allowed for your key or without channels costs nothing: the task submits the same
request to the next one. A generation that fails has started, and is not repeated. Each model is held against
`max_cost_usd` at its own price. A model that is gone has no price: without `unknown_cost="allow"` the task would end
there.

Needs: a key, a bucket or a folder.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "model": Param("veo3.1-fast", type="string", description="The model of your choice."),
        "prompt": Param("A paper boat in the rain.", type="string", description="What the video shows."),
        "folder": Param("s3://aws_default@my-bucket/boats", type="string", description="Where the video is stored."),
    },
    doc_md=__doc__,
)
def lemondata_fallback_models() -> None:
    @task
    def used(clip: Any) -> str:
        return f"{clip['model']} made {clip['output_uri']}"

    clip = SubmitVideoOperator(
        task_id="clip",
        model="{{ params.model }}",
        fallback_models=["viduq3-turbo", "seedance-2.0-fast"],
        operation="text-to-video",
        prompt="{{ params.prompt }}",
        duration=4,
        max_cost_usd="1.00",
        unknown_cost="allow",
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}.mp4",
    )
    used(clip.output)


lemondata_fallback_models()
