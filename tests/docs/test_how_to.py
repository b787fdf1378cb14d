"""The how-to pages: their commands, and the DAGs of docs/examples, run against the sandbox."""

from __future__ import annotations

import asyncio
import base64
import re
import shlex
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Connection
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.api.prices import Estimate
from lemondata_provider.cli.backfill import lines
from lemondata_provider.cli.plan import Pace, Plan, Row
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.operators.guards import over_budget
from lemondata_provider.sandbox.videos import READY_MADE_CLIP
from tests.docs.markdown import ROOT, blocks
from tests.results.stores import Bucket

EXAMPLES = [path for path in sorted((ROOT / "docs/examples").glob("*.py")) if "@dag" in path.read_text()]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/how-to").glob("*.md"))
COMMANDS = [
    (page, line)
    for page in PAGES
    for line in re.findall(r"\$ (airflow (?!lemondata ).*)", (ROOT / page).read_text().replace("\\\n", ""))
]
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")
NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def dag_bag() -> Any:
    bags = [DagBag(path) for path in EXAMPLES]
    dags = [list(bag.dags.values()) for bag in bags]
    return SimpleNamespace(
        import_errors=[bag.import_errors for bag in bags if bag.import_errors],
        ids=[[dag.dag_id for dag in file] for file in dags],
        dags={dag.dag_id: dag for file in dags for dag in file},
    )


@pytest.fixture
def bucket(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Return the bucket of the examples, with the connection that they name."""
    bucket = Bucket(moto_server, "my-bucket")
    bucket.client.create_bucket(Bucket="my-bucket")
    for entry in bucket.client.list_objects_v2(Bucket="my-bucket").get("Contents", ()):
        bucket.client.delete_object(Bucket="my-bucket", Key=entry["Key"])
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", bucket.connection())
    return bucket


def keys(bucket: Bucket) -> set[str]:
    """Return the names of all videos in the bucket."""
    names = {entry["Key"] for entry in bucket.client.list_objects_v2(Bucket="my-bucket").get("Contents", ())}
    return {name for name in names if name.endswith(".mp4")}


def run(dag: Any, task_id: str, context: dict[str, Any], mapped: dict[str, Any] | None = None, **values: Any) -> Any:
    """Render a task as Airflow does, execute it, and resume it with the event of its trigger."""
    task = dag.get_task(task_id)
    task = task.unmap(mapped) if mapped else task.prepare_for_execution()
    dag_run = SimpleNamespace(run_after=NOW, data_interval_start=NOW)
    known = {"dag_run": dag_run, "params": {**dag.params.dump(), **values}, "dag": dag}
    task.render_template_fields({**context, **known, **(dag.user_defined_macros or {})})
    if hasattr(task, "poll_interval"):
        task.poll_interval = 0.1
    try:
        return task.execute(context)
    except TaskDeferred as deferral:
        event = asyncio.run(_first(deferral.trigger))
        return getattr(task, deferral.method_name)(context, event.payload, **(deferral.kwargs or {}))


async def _first(trigger: Any) -> Any:
    return await anext(trigger.run())


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_how_to_command_of_airflow_itself_has_only_existing_options(page: str, line: str) -> None:
    get_parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("page", PAGES)
def test_how_to_page_includes_existing_files(page: str) -> None:
    text = (ROOT / page).read_text()
    for included in re.findall(r"^```\{literalinclude\} (\S+)$", text, re.MULTILINE):
        assert ((ROOT / page).parent / included).is_file(), included


def test_how_to_index_lists_each_page_once() -> None:
    listed = re.findall(r"\]\(([\w-]+)\.md\)", (ROOT / "docs/how-to/index.md").read_text())
    assert len(listed) == len(set(listed))
    assert {Path(page).stem for page in PAGES} - {"index"} <= set(listed)


def test_examples_parse_without_import_errors_one_dag_in_each_file(dag_bag: Any) -> None:
    assert dag_bag.import_errors == []
    assert dag_bag.ids == [[path.stem] for path in EXAMPLES]


def test_each_example_is_included_by_a_page() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    assert [path.name for path in EXAMPLES if f"examples/{path.name}" not in pages] == []


def test_backfill_page_shows_what_the_plan_of_its_dag_prints() -> None:
    plan = Plan(
        dag_id="daily_with_budget",
        runs=22,
        existing=0,
        rows=(Row("clip", "veo3.1-fast", 22, Decimal("13.20"), "4 s at 0.15 a second"),),
        paces=(Pace("lemondata_default", 1000, 44, 2.64, 264),),
    )
    assert "\n".join(lines(plan)) in (ROOT / "docs/how-to/backfill.md").read_text()


def test_gateways_page_shows_a_connection_that_can_be_read() -> None:
    (connection,) = blocks("docs/how-to/gateways.md", "json")
    connection = connection.replace("sk-…", "sk-x")  # a reader puts the key there
    settings = ConnectionSettings.read(Connection.from_json(connection, conn_id="lemondata_default"))
    assert settings.base_url.startswith("https://gateway.example:8443/lemon")
    assert (settings.verify, settings.timeout) == ("/etc/ssl/company-ca.pem", 120)


def test_models_page_shows_the_refusal_of_a_price() -> None:
    estimate = Estimate(Decimal("0.80"), "8 s at 0.10 a second", Decimal("0.10"))
    refusal = over_budget("sora-2", estimate, Decimal("0.5"), "refuse")
    assert f"```text\n{refusal}\n```" in (ROOT / "docs/how-to/models-and-prices.md").read_text()


def test_clip_to_bucket_second_run_of_a_day_pays_for_nothing(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    dag = dag_bag.dags["clip_to_bucket"]
    assert run(dag, "clip", context)["output_uri"] == "s3://my-bucket/clips/2026-11-26.mp4"
    assert run(dag, "clip", context)["skipped"]
    assert len(sandbox.ledger.creates) == 1
    assert keys(bucket) == {"clips/2026-11-26.mp4"}


def test_store_finished_video_stores_it_and_submits_nothing(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    poll_url = run(dag_bag.dags["clip_to_bucket"], "clip", context)["poll_url"]
    dag = dag_bag.dags["store_finished_video"]
    assert run(dag, "wait", context, poll_url=poll_url)["status"] == "completed"
    transfer = dag.get_task("store").prepare_for_execution()
    transfer.poll_url, transfer.path = poll_url, "s3://aws_default@my-bucket/found/clip.mp4"
    assert transfer.execute(context)["output_uri"] == "s3://my-bucket/found/clip.mp4"
    assert len(sandbox.ledger.creates) == 1


def test_picture_from_bucket_is_sent_and_its_video_is_stored(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    bucket.client.put_object(Bucket="my-bucket", Key="pictures/kettle.png", Body=PIXEL)
    run(dag_bag.dags["picture_from_bucket"], "clip", context)
    assert keys(bucket) == {"clips/kettle.mp4"}


def test_upscale_from_bucket_stores_the_larger_video_beside_the_source(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    bucket.client.put_object(Bucket="my-bucket", Key="clips/harbour.mp4", Body=READY_MADE_CLIP.read_bytes())
    run(dag_bag.dags["upscale_from_bucket"], "upscale", context)
    assert keys(bucket) == {"clips/harbour.mp4", "clips/harbour-upscaled.mp4"}


def test_daily_with_budget_pays_its_limit_at_most_and_once_a_day(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    dag = dag_bag.dags["daily_with_budget"]
    first = run(dag, "clip", context)
    assert (first["estimated_cost_usd"], first["skipped"]) == ("0.60", False)
    assert run(dag, "clip", context)["skipped"]
    assert keys(bucket) == {"daily/2026-11-26.mp4"}


def test_checked_before_paying_submits_for_less_than_its_limit(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    assert run(dag_bag.dags["checked_before_paying"], "clip", context)["estimated_cost_usd"] == "0.60"


def test_two_keys_each_clip_has_one_key_and_a_path_of_its_own(dag_bag: Any) -> None:
    tasks = dag_bag.dags["two_keys"].tasks
    assert {task.partial_kwargs["lemondata_conn_id"] for task in tasks} == {"lemondata_red", "lemondata_blue"}
    paths = [clip["output_path"] for task in tasks for clip in task.expand_input.value]
    assert len(paths) == len(set(paths)) == 4


def test_two_keys_clip_that_one_key_paid_for_is_there_for_the_other_key(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = {"prompt": "A cat.", "output_path": "s3://aws_default@my-bucket/batch/cat.mp4"}
    for key in ("red", "blue"):
        monkeypatch.setenv(f"AIRFLOW_CONN_LEMONDATA_{key.upper()}", sandbox.connection_uri)
        result = run(dag_bag.dags["two_keys"], f"clips_{key}", context, clip)
        assert result["skipped"] is (key == "blue")
    assert len(sandbox.ledger.creates) == 1


def test_product_clips_sends_what_the_function_returns(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    product = {"op_kwargs": {"product": "a red kettle", "picture": "{{ params.picture }}"}}
    result = run(dag_bag.dags["product_clips"], "clip", context, product)
    (create,) = sandbox.ledger.creates
    assert create.body["prompt"] == "A slow pan over a red kettle."
    assert create.body["image_url"] == "https://shop.example/kettle.jpg"
    assert result["output_uri"] == "s3://my-bucket/20261126T120000/clip.mp4"


def test_upscale_mapped_clips_second_task_reads_the_file_of_the_first_one(
    dag_bag: Any, sandbox: Any, context: Any, bucket: Bucket
) -> None:
    dag = dag_bag.dags["upscale_mapped_clips"]
    clip = run(dag, "clip", context, {"prompt": "A cat."})
    run(dag, "upscale", context, {"video_url": clip["output_path"]})
    assert keys(bucket) == {"pets/clip.mp4", "pets/upscale.mp4"}
