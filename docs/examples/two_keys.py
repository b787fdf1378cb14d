"""A batch over two keys, each with its connection and its pool."""

from airflow.sdk import dag

from lemondata_provider.operators.video import SubmitVideoOperator

KEYS = ["red", "blue"]  # connections and pools: lemondata_red, lemondata_blue
PROMPTS = {
    "cat": "A cat in a sunlit garden.",
    "city": "A paper city at dawn.",
    "fox": "A fox in the snow.",
    "kite": "A kite over a beach.",
}


@dag(schedule=None, default_args={"retries": 2})
def two_keys() -> None:
    """Generate half of the clips with each key."""
    folder = "s3://aws_default@my-bucket/batch"
    clips = [{"prompt": text, "output_path": f"{folder}/{name}.mp4"} for name, text in PROMPTS.items()]
    for number, key in enumerate(KEYS):
        SubmitVideoOperator.partial(
            task_id=f"clips_{key}",
            model="veo3.1-fast",
            duration=4,
            lemondata_conn_id=f"lemondata_{key}",
            pool=f"lemondata_{key}",
        ).expand_kwargs(clips[number :: len(KEYS)])


two_keys()
