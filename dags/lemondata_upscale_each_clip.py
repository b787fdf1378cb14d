"""
Upscale each clip of `lemondata_clips_to_upscale`, in one run for each file.

The partition key of a run is the path of its clip, with the connection. The upscaled video is stored beside it.
Nothing depends on LemonData's links, which end. On Airflow 3.2 this DAG is left out.

Needs: a key, the clips of the other DAG, Airflow 3.3.
"""

from datetime import timedelta

from airflow.sdk import Asset, Param, PartitionedAssetTimetable, dag
from airflow.sdk.execution_time.context import OutletEventAccessor

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset("lemondata_clips")),
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={"upscale_model": Param("topaz-video-upscale", enum=["topaz-video-upscale", "grok-imagine-upscale"])},
    doc_md=__doc__,
)
def lemondata_upscale_each_clip() -> None:
    SubmitVideoOperator(
        task_id="upscale",
        model="{{ params.upscale_model }}",
        operation="video-to-video",
        prompt="Upscale this clip while preserving the original motion.",
        video_url="{{ partition_key }}",
        output_path="{{ partition_key.removesuffix('.mp4') }}-upscaled.mp4",
    )


if hasattr(OutletEventAccessor, "add_partitions"):  # Airflow 3.3 and newer
    lemondata_upscale_each_clip()
