"""Tests of the DAG against the sandbox: no key, no cost, no database."""

from pathlib import Path

import pytest
from product_clip import product_clip

from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.testing import RunContext, run

dag = product_clip()


def test_clip_is_stored(lemondata_connection: Sandbox, tmp_path: Path) -> None:
    result = run(dag.get_task("clip"), ds="2026-03-01", params={"folder": str(tmp_path)})
    assert (tmp_path / "2026-03-01.mp4").stat().st_size == result["outputs"][0]["size"]


def test_failed_generation_raises_the_reason(lemondata_connection: Sandbox, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "prompt": "A blue teapot. [fail:unsafe content]"}
    with pytest.raises(LemonDataFailException, match="unsafe content"):
        run(dag.get_task("clip"), params=params)


def test_upscale_takes_the_stored_clip(lemondata_connection: Sandbox, tmp_path: Path) -> None:
    context = RunContext(ds="2026-03-01", params={"folder": str(tmp_path)})
    clip = run(dag.get_task("clip"), context=context)
    upscaled = run(dag.get_task("upscale"), context=context)
    assert upscaled["outputs"][0]["width"] > clip["outputs"][0]["width"]
    assert context.xcoms["upscale"]["output_path"] == f"{tmp_path}/2026-03-01-upscaled.mp4"


def test_second_run_skips_and_pays_nothing(lemondata_connection: Sandbox, tmp_path: Path) -> None:
    run(dag.get_task("clip"), params={"folder": str(tmp_path)})
    paid = lemondata_connection.ledger.spent
    second = run(dag.get_task("clip"), params={"folder": str(tmp_path)})
    assert second["skipped"]
    assert lemondata_connection.ledger.spent == paid > 0


def test_budget_refuses_before_paying(lemondata_connection: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(LemonDataFailException, match="max_cost_usd"):
        run(dag.get_task("clip"), params={"folder": str(tmp_path), "duration": 8})
    assert lemondata_connection.ledger.creates == []
