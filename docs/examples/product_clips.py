"""A clip for each product: a function writes the request."""

from typing import Any

from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    default_args={"retries": 2},
    params={"picture": Param("https://shop.example/kettle.jpg", type="string")},
)
def product_clips() -> None:
    """Generate the clips, and store them in a folder."""

    @task.lemondata_video(
        model="veo3.1-fast",
        duration=4,
        max_cost_usd="1.00",
        output_path="s3://aws_default@my-bucket/{{ dag_run.run_after | ts_nodash }}/",
    )
    def clip(product: str, picture: str) -> dict[str, Any]:
        return {"prompt": f"A slow pan over {product}.", "image_url": picture}

    kettles = ["a red kettle", "a blue kettle"]
    clip.partial(picture="{{ params.picture }}").expand(product=kettles)


product_clips()
