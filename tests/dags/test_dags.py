from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag

from lemondata_provider.api.errors import BadRequestError, SubmitUnknownError, TaskFailedError
from lemondata_provider.catalog.operations import OPERATIONS
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.version_compat import has_partitions

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
FILES = sorted(DAGS.glob("*.py"))
PARTITIONED = {"lemondata_clips_to_upscale", "lemondata_upscale_each_clip"}


@pytest.fixture(scope="module")
def dag_bag() -> Any:
    return DagBag(DAGS)


def arguments(task: Any) -> dict[str, Any]:
    """Return what a task of the gallery was made with, mapped or not."""
    return dict(task.partial_kwargs if task.is_mapped else vars(task))


def test_dags_parse_without_import_errors_one_in_each_file(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {path.stem for path in FILES} - (set() if has_partitions() else PARTITIONED)


def test_dags_show_their_files_docstring(dag_bag: Any) -> None:
    for dag in dag_bag.dags.values():
        assert dag.doc_md == ast.get_docstring(ast.parse(Path(dag.fileloc).read_text()), clean=False), dag.dag_id


def test_dags_describe_their_params_with_a_form(dag_bag: Any) -> None:
    for dag in dag_bag.dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            assert schema.keys() & {"type", "enum"}, (dag.dag_id, name)


def test_dags_import_no_client_and_no_hook() -> None:
    allowed = tuple(f"lemondata_provider.{layer}." for layer in ("operators", "sensors", "transfers", "decorators"))
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lemondata_provider"):
                assert f"{node.module}.".startswith(allowed), path.name


@pytest.mark.parametrize("operation", OPERATIONS)
def test_dags_show_each_operation(dag_bag: Any, operation: str) -> None:
    shown = {arguments(task).get("operation") for dag in dag_bag.dags.values() for task in dag.tasks}
    assert operation in shown


def test_gallery_page_has_a_row_for_each_dag() -> None:
    page = (ROOT / "docs/how-to/gallery.md").read_text()
    linked = re.findall(r"^\| [^|]*\]\([^|)]*dags/(\w+)\.py\)", page, re.MULTILINE)
    assert sorted(linked) == [path.stem for path in FILES]


def test_daily_to_bucket_names_path_prompt_and_seed_by_the_day(dag_bag: Any) -> None:
    dag = dag_bag.dags["lemondata_daily_to_bucket"]
    run = SimpleNamespace(data_interval_start=pendulum.datetime(2026, 3, 1), run_after=pendulum.now())
    task = dag.get_task("clip").prepare_for_execution()
    task.render_template_fields({"dag_run": run, "params": dag.params.dump(), **dag.user_defined_macros, "dag": dag})
    assert (task.seed, task.output_path) == ("20260301", "s3://aws_default@my-bucket/daily/2026-03-01.mp4")
    assert task.prompt == "A small harbour on a Sunday in March, slow camera."


@pytest.mark.parametrize(
    ("exception", "words"),
    [
        (LemonDataFailException(SubmitUnknownError("lost")), "may have charged"),
        (LemonDataFailException(TaskFailedError("no", task_id="ldtask_1", request_id="req_1")), "accepted the task"),
        (LemonDataFailException(BadRequestError("no")), "nothing was charged"),
        (None, "nothing was charged"),
    ],
)
def test_failure_callback_report_says_what_it_means_for_the_money(
    dag_bag: Any, caplog: pytest.LogCaptureFixture, exception: Any, words: str
) -> None:
    (report,) = dag_bag.dags["lemondata_failure_callback"].get_task("clip").on_failure_callback
    report({"exception": exception, "ti": SimpleNamespace(dag_id="d", task_id="t")})
    assert words in caplog.text
    for name in ("task_id", "request_id"):
        assert f"{name}: {getattr(exception, name, None)}" in caplog.text


@pytest.mark.skipif(not has_partitions(), reason="needs Airflow 3.3")
def test_upscale_each_clip_reads_the_clip_of_its_partition_and_stores_beside_it(dag_bag: Any) -> None:
    dag = dag_bag.dags["lemondata_upscale_each_clip"]
    task = dag.get_task("upscale").prepare_for_execution()
    key = "s3://aws_default@my-bucket/clips/20261126T020304/0.mp4"
    task.render_template_fields({"partition_key": key, "params": dag.params.dump(), "dag": dag})
    assert (task.video_url, task.output_path) == (key, f"{key[:-4]}-upscaled.mp4")


def test_dags_retry_every_task_at_least_twice(dag_bag: Any) -> None:
    for dag in dag_bag.dags.values():  # Airflow itself may fail a deferred task when it resumes
        assert all(task.retries >= 2 for task in dag.tasks), dag.dag_id


def test_generate_then_upscale_chains_its_tasks(dag_bag: Any) -> None:
    dag = dag_bag.dags["lemondata_generate_then_upscale"]
    order = ["prompts", "clip.generate", "clip.upscale"]
    for upstream, downstream in pairwise(order):
        assert downstream in dag.get_task(upstream).downstream_task_ids


def test_daily_clip_prompt_and_seed_depend_on_the_day_only(dag_bag: Any) -> None:
    macros = dag_bag.dags["lemondata_daily_clip"].user_defined_macros

    def clip_of(day: str) -> tuple[str, int]:
        run = SimpleNamespace(data_interval_start=pendulum.parse(day), run_after=pendulum.now())
        return macros["prompt_of"](run), macros["seed_of"](run)

    assert clip_of("2026-11-23") == clip_of("2026-11-23T00:00:00Z")
    assert clip_of("2026-11-23")[1] == 20261123
    assert len({clip_of(f"2026-11-{day:02}") for day in range(1, 29)}) == 28


def test_daily_clip_manual_run_uses_its_own_day(dag_bag: Any) -> None:
    macros = dag_bag.dags["lemondata_daily_clip"].user_defined_macros
    run = SimpleNamespace(data_interval_start=None, run_after=pendulum.datetime(2026, 2, 3, 12))
    assert macros["seed_of"](run) == 20260203


def test_dags_have_at_most_seventy_lines() -> None:
    for path in DAGS.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 70, path.name
