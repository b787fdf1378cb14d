"""Clips for the tests of the page of videos: one task each, and one whose request comes from the run."""

from airflow.sdk import Param, dag, task

from lemondata_provider.operators.video import SubmitVideoOperator

FOLDER = "{{ var.value.campaign_folder }}/{{ run_id | replace(':', '-') }}"
CLIPS = {
    "opening": ("veo3.1-fast", "16:9", "A paper city unfolds at dawn. Warm light, slow push in."),
    "orchard": (
        "kling-video-o1-pro",
        "16:9",
        "Lemon trees in the wind. A girl in a yellow raincoat runs through the rows.",
    ),
    "portrait": ("veo3.1-fast", "9:16", "A cat walks through a sunlit garden and looks into the camera."),
    "harbour": ("viduq3-pro", "16:9", "Fishing boats leave a harbour in the fog. Gulls, long lens."),
}


@dag(schedule=None, default_args={"retries": 0})
def summer_campaign() -> None:
    @task
    def list_files() -> None:
        """A task that has nothing to do with LemonData."""

    last = list_files()
    for name, (model, ratio, prompt) in CLIPS.items():
        (
            SubmitVideoOperator(
                task_id=name,
                model=model,
                prompt=prompt,
                aspect_ratio=ratio,
                duration=4,
                output_path=f"{FOLDER}/{name}.mp4",
            )
            >> last
        )


@dag(
    schedule=None,
    default_args={"retries": 0},
    params={"prompt": Param("A cat.", type="string"), "model": Param("veo3.1-fast", type="string")},
)
def single_clip() -> None:
    SubmitVideoOperator(
        task_id="clip",
        model="{{ params.model }}",
        prompt="{{ params.prompt }}",
        duration=4,
        output_path=f"{FOLDER}/clip.mp4",
    )


summer_campaign()
single_clip()
