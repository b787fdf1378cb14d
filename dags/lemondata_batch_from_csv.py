"""
Make one clip for each row of a CSV file in a bucket.

The file has the columns `id` and `prompt`; the id becomes the name of the video. Run it again after adding rows: only
new rows are paid for. A row whose prompt changed fails before it is paid, because its file is the video of another
request.

`max_cost_usd` refuses a clip that would cost more. The pool limits how many clips are made at once. Create it first:
`airflow pools set lemondata 10 "Clips at once" --include-deferred`

Needs: a key, a bucket or a folder, a CSV file, the pool `lemondata`.
"""

import csv
from datetime import timedelta

from airflow.sdk import ObjectStoragePath, Param, dag, get_current_context, task

from lemondata_provider.operators.video import SubmitVideoOperator


@dag(
    schedule=None,
    catchup=False,
    tags=["lemondata", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    params={
        "csv": Param("s3://aws_default@my-bucket/prompts.csv", type="string", description="Columns: id, prompt."),
        "folder": Param("s3://aws_default@my-bucket/batch", type="string", description="Where the videos are stored."),
    },
    doc_md=__doc__,
)
def lemondata_batch_from_csv() -> None:
    @task
    def rows() -> list[dict[str, str]]:
        params = get_current_context()["params"]
        lines = ObjectStoragePath(params["csv"]).read_text(encoding="utf-8").splitlines(keepends=True)
        return [
            {"prompt": row["prompt"], "output_path": f"{params['folder']}/{row['id']}.mp4"}
            for row in csv.DictReader(lines)
        ]

    SubmitVideoOperator.partial(
        task_id="clip",
        model="veo3.1-fast",
        operation="text-to-video",
        duration=4,
        max_cost_usd="1.00",
        pool="lemondata",
    ).expand_kwargs(rows())


lemondata_batch_from_csv()
