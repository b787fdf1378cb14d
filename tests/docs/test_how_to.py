"""The how-to pages: their snippets, and the DAGs of docs/examples, run against the sandbox."""

from __future__ import annotations

import ast
import asyncio
import base64
import re
from datetime import datetime, timezone
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.cli.backfill import lines
from lemondata_provider.cli.plan import Pace, Plan, Row
from lemondata_provider.sandbox.videos import READY_MADE_CLIP
from tests.docs.markdown import ROOT, blocks
from tests.results.stores import Bucket

EXAMPLES = [path for path in sorted((ROOT / "docs/examples").glob("*.py")) if "@dag" in path.read_text()]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/how-to").glob("*.md"))
SNIPPETS = [(page, block) for page in PAGES for block in blocks(page, "python")]
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


def run(dag: Any, task_id: str, context: dict[str, Any], **values: Any) -> Any:
    """Render a task as Airflow does, execute it, and resume it with the event of its trigger."""
    task = dag.get_task(task_id).prepare_for_execution()
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


@pytest.mark.parametrize(("page", "snippet"), SNIPPETS, ids=lambda part: part.partition("\n")[0])
def test_how_to_snippet_parses_and_imports_existing_names(page: str, snippet: str) -> None:
    for node in ast.walk(ast.parse(snippet)):
        if isinstance(node, ast.ImportFrom):
            module = import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), page


@pytest.mark.parametrize("page", PAGES)
def test_how_to_page_includes_existing_files_and_has_at_most_eighty_lines(page: str) -> None:
    text = (ROOT / page).read_text()
    for included in re.findall(r"^```\{literalinclude\} (\S+)$", text, re.MULTILINE):
        assert ((ROOT / page).parent / included).is_file(), included
    assert len(text.splitlines()) <= 80


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
