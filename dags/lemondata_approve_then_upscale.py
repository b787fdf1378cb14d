"""
Make a cheap clip, ask a person, and pay for the upscale after "Approve" only.

The clip is in your bucket before anybody is asked, so an answer may take days: LemonData's links would have ended by
then. The upscale reads the clip from the bucket. "Reject", or no answer in a week, skips it.

Needs: a key, a bucket or a folder.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag

from lemondata_provider.operators.video import SubmitVideoOperator

FILE = "{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}"


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "prompt": Param("A hot air balloon over a vineyard.", type="string", description="What the video shows."),
        "folder": Param(
            "s3://aws_default@my-bucket/approved", type="string", description="Where the videos are stored."
        ),
    },
    doc_md=__doc__,
)
def lemondata_approve_then_upscale() -> None:
    clip = SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        operation="text-to-video",
        prompt="{{ params.prompt }}",
        duration=4,
        output_path=f"{FILE}.mp4",
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Upscale this clip?",
        body="{{ ti.xcom_pull(task_ids='clip', key='output_uri') }}: {{ params.prompt }}",
        response_timeout=timedelta(days=7),
        defaults="Reject",
    )
    upscale = SubmitVideoOperator(
        task_id="upscale",
        model="topaz-video-upscale",
        operation="video-to-video",
        prompt="Upscale this clip while preserving the original motion.",
        video_url=clip.output["output_path"],
        output_path=f"{FILE}-upscaled.mp4",
    )
    clip >> approve >> upscale


lemondata_approve_then_upscale()
