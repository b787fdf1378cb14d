"""Clips of a decorated function, mapped, deferred and stored in a folder."""

from datetime import timedelta

from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    params={"folder": Param("/nowhere", type="string")},
)
def decorated_clips():
    @task.lemondata_video(model="veo3.1-fast", duration=4, output_path="{{ params.folder }}/", poll_interval=1)
    def clip(product: str) -> str:
        return f"A slow pan over {product}."

    clip.expand(product=["a red kettle", "a blue kettle"])


decorated_clips()
