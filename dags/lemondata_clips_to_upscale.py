"""
Make a clip for each prompt, and tell other DAGs of each file.

`asset_partition="file"` gives each event of the asset the file's path as partition key. So each clip starts one run of
`lemondata_upscale_each_clip`, also if all clips end at once. On Airflow 3.2 this DAG is left out.

Needs: a key, a bucket or a folder, Airflow 3.3.
"""

from datetime import timedelta

from airflow.sdk import Asset, Param, dag, get_current_context, task
from airflow.sdk.execution_time.context import OutletEventAccessor

from lemondata_provider.operators.video import SubmitVideoOperator

PROMPTS = ["A cat in a sunlit garden.", "A paper city at dawn."]


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "prompts": Param(PROMPTS, type="array", items={"type": "string"}, description="One clip each."),
        "folder": Param("s3://aws_default@my-bucket/clips", type="string", description="Where the videos are stored."),
    },
    doc_md=__doc__,
)
def lemondata_clips_to_upscale() -> None:
    @task
    def prompts() -> list[str]:
        return list(get_current_context()["params"]["prompts"])

    SubmitVideoOperator.partial(
        task_id="clip",
        model="veo3.1-fast",
        operation="text-to-video",
        duration=4,
        output_path="{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}/{{ ti.map_index }}.mp4",
        outlets=[Asset("lemondata_clips")],
        asset_partition="file",
    ).expand(prompt=prompts())


if hasattr(OutletEventAccessor, "add_partitions"):  # Airflow 3.3 and newer
    lemondata_clips_to_upscale()
