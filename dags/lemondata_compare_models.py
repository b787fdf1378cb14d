"""
One prompt, several models, and a page that shows their videos side by side.

The last task writes `index.html` beside the videos, with what each took and was to cost. A model that fails is missing
in the page, and does not keep the others from it.

Needs: a key, a bucket or a folder.
"""

from datetime import timedelta
from html import escape
from typing import Any

from airflow.sdk import ObjectStoragePath, Param, dag, get_current_context, task

from lemondata_provider.operators.video import SubmitVideoOperator

MODELS = ["veo3.1-fast", "viduq3-turbo", "seedance-2.0-fast"]
FOLDER = "{{ params.folder }}/{{ dag_run.run_after | ts_nodash }}"


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "prompt": Param("A lighthouse in a storm, seen from the sea.", type="string", description="For all models."),
        "models": Param(MODELS, type="array", items={"type": "string"}, description="One clip each."),
        "folder": Param("s3://aws_default@my-bucket/compared", type="string", description="Where the page is stored."),
    },
    doc_md=__doc__,
)
def lemondata_compare_models() -> None:
    @task
    def clips_of(folder: str) -> list[dict[str, str]]:
        models = get_current_context()["params"]["models"]
        return [{"model": model, "output_path": f"{folder}/{model}.mp4"} for model in models]

    @task(trigger_rule="all_done")
    def page(folder: str, prompt: str, clips: Any) -> str:
        figures = [
            f"<figure><video src='{clip['model']}.mp4' controls></video><figcaption>{clip['model']}: "
            f"{clip['generation_seconds']} s, {clip['estimated_cost_usd']} USD</figcaption></figure>"
            for clip in clips
        ]
        path = ObjectStoragePath(f"{folder}/index.html")
        path.write_text(f"<!doctype html><meta charset='utf-8'><h1>{escape(prompt)}</h1>{''.join(figures)}")
        return str(path)

    clip = SubmitVideoOperator.partial(
        task_id="clip", operation="text-to-video", prompt="{{ params.prompt }}", duration=4
    ).expand_kwargs(clips_of(FOLDER))
    page(FOLDER, "{{ params.prompt }}", clip.output)


lemondata_compare_models()
