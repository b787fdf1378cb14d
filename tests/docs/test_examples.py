"""The Python examples of README and docs, run as they stand."""

from __future__ import annotations

import ast
import sys
import types
from typing import Any

import pytest

from lemondata_provider.catalog import load
from lemondata_provider.testing import run
from tests.docs.markdown import blocks
from tests.results.stores import Bucket


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Return README's DAG file as a module."""
    module = types.ModuleType("readme_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (source,) = blocks("README.md", "python")
    exec(compile(source, "README.md", "exec"), module.__dict__)  # noqa: S102 # our own page
    return module


@pytest.fixture
def bucket(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Return README's bucket, with the connection that its DAG names."""
    bucket = Bucket(moto_server, "my-bucket")
    bucket.client.create_bucket(Bucket="my-bucket")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", bucket.connection())
    return bucket


def test_readme_dag_against_the_sandbox_stores_a_video_in_the_bucket(
    example: Any, sandbox: Any, bucket: Bucket
) -> None:
    sandbox.configure(generation_seconds=0.5)
    clip = example.my_first_clip().get_task("clip")
    result = run(clip)
    assert (result["status"], result["model"]) == ("completed", clip.model)
    stored = bucket.client.get_object(Bucket="my-bucket", Key="clips/cat.mp4")["Body"].read()
    assert stored == bytes(sandbox.service.video(result["task_id"]).read_bytes())
    assert run(clip)["skipped"]
    assert len(sandbox.ledger.creates) == 1


def test_readme_dag_uses_a_model_that_is_listed_today(example: Any) -> None:
    model = load().find(example.my_first_clip().get_task("clip").model)
    assert model is not None
    assert model.listed


def test_documented_catalog_expressions_have_their_documented_values() -> None:
    (source,) = [block for block in blocks("docs/reference/models.md", "python") if "recommend(" in block]
    names: dict[str, Any] = {}
    lines = [line.partition("  # ") for line in source.splitlines() if line]
    for code, _, value in lines:
        if value:
            assert eval(code, names) == ast.literal_eval(value), code  # noqa: S307 # our own page
        else:
            exec(code, names)  # noqa: S102 # our own page
    assert any(value for _, _, value in lines)
