"""
Generate a clip for each prompt and upscale it; both videos are stored in a folder or a bucket.

A second run with the same prompts finds the files, and pays for nothing.

Needs: a key, a bucket or a folder.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task, task_group

from lemondata_provider.operators.video import SubmitVideoOperator

PROMPTS = [
    "A calm cinematic shot of a cat walking through a sunlit garden.",
    "Waves of paper rolling over a city made of books, at dawn.",
]


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "prompts": Param(PROMPTS, type="array", items={"type": "string"}, description="One clip each."),
        "model": Param("veo3.1-fast", type="string"),
        "duration": Param(4, type="integer", minimum=1, maximum=60, description="Seconds."),
        "upscale_model": Param("topaz-video-upscale", enum=["topaz-video-upscale", "grok-imagine-upscale"]),
        "folder": Param("s3://aws_default@my-bucket/clips", type="string", description="Also a folder: /data/clips."),
    },
    doc_md=__doc__,
)
def lemondata_generate_then_upscale() -> None:
    @task
    def prompts() -> list[str]:
        return list(get_current_context()["params"]["prompts"])

    @task_group
    def clip(prompt: str) -> None:
        generate = SubmitVideoOperator(
            task_id="generate",
            model="{{ params.model }}",
            operation="text-to-video",
            prompt=prompt,
            duration="{{ params.duration }}",
            aspect_ratio="16:9",
            output_path="{{ params.folder }}/clip-{{ ti.map_index + 1 }}.mp4",
        )
        SubmitVideoOperator(
            task_id="upscale",
            model="{{ params.upscale_model }}",
            operation="video-to-video",
            prompt="Upscale this clip while preserving the original motion.",
            video_url=generate.output["output_path"],
            output_path="{{ params.folder }}/clip-{{ ti.map_index + 1 }}-upscaled.mp4",
        )

    clip.expand(prompt=prompts())


lemondata_generate_then_upscale()
