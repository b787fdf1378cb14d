"""docs/quickstart.md, docs/index.md and README.md: their DAGs run, and what they show is what one gets."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.catalog import load
from lemondata_provider.plugins.storage import MediaRoots
from tests.docs.markdown import ROOT, blocks, text

PAGE = "docs/quickstart.md"
SOURCE = ROOT / "docs/examples/quickstart.py"
FOLDER = "lemondata-quickstart"


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the task of the quickstart, for a user whose home is a temporary folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    names: dict[str, Any] = {"__name__": "quickstart_example"}
    exec(compile(SOURCE.read_text(), str(SOURCE), "exec"), names)  # noqa: S102 # our own file
    return names["quickstart"]().get_task("clip")


def settings(home: Path) -> dict[str, str]:
    """Return what the page's env.sh exports, as bash reads it; without its first line, which needs an environment."""
    (script,) = [block for block in blocks(PAGE, "bash") if "AIRFLOW_HOME" in block]
    first, _, rest = script.partition("\n")
    assert first == f"source ~/{FOLDER}/.venv/bin/activate"
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    printed = subprocess.run(  # our own page
        ["/bin/bash", "-c", f"{rest}\nenv -0"], env=environment, capture_output=True, check=True, text=True
    ).stdout
    return dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)


def test_quickstart_dag_against_the_sandbox_leaves_the_files_of_the_page(
    clip: Any, sandbox: Any, context: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.configure(generation_seconds=0.5)
    clip.poll_interval = 0.1  # instead of 5
    with caplog.at_level("INFO"):
        with pytest.raises(TaskDeferred) as deferral:
            clip.execute(context)
        event = asyncio.run(_first(deferral.value.trigger.run()))
        getattr(clip, deferral.value.method_name)(context, event.payload, **(deferral.value.kwargs or {}))
        assert clip.execute(context)["skipped"]
    assert len(sandbox.ledger.creates) == 1
    (listing,) = [block for block in blocks(PAGE, "console") if f"$ ls ~/{FOLDER}/clips" in block]
    files = sorted(path.name for path in (tmp_path / FOLDER / "clips").iterdir())
    assert listing.partition("/clips\n")[2].split() == files
    logged = [re.sub(r"\d+,\d+ bytes|in \d[\d.]* s", _dots, line) for line in caplog.messages]
    for line in blocks(PAGE, "text"):
        assert line.strip().replace("/home/you", str(tmp_path)) in logged


def _dots(match: re.Match[str]) -> str:
    return "… bytes" if "bytes" in match[0] else "in … s"


async def _first(events: AsyncIterator[Any]) -> Any:
    return await anext(events)


def test_quickstart_settings_are_those_of_the_sandbox_and_of_the_dag(clip: Any, tmp_path: Path) -> None:
    exported = settings(tmp_path)
    connection = exported["AIRFLOW_CONN_LEMONDATA_DEFAULT"]
    assert json.loads(connection) == {
        "conn_type": "lemondata",
        "host": "http://127.0.0.1:8089",
        "password": "sk-sandbox",
    }
    (shown,) = [block for block in blocks(PAGE, "console") if "lemondata_provider.sandbox" in block]
    assert f"AIRFLOW_CONN_LEMONDATA_DEFAULT={shlex.quote(connection)}" in shown
    assert exported["AIRFLOW_HOME"] == f"{tmp_path}/{FOLDER}/airflow"
    assert MediaRoots.read(exported["AIRFLOW__LEMONDATA__MEDIA_ROOTS"]).why_not(clip.output_path) is None
    (with_key,) = [block for block in blocks(PAGE, "bash") + _indented(PAGE) if "sk-…" in block]
    assert json.loads(shlex.split(with_key)[1].partition("=")[2]).keys() == {"conn_type", "password"}


def _indented(page: str) -> list[str]:
    return re.findall(r"^   ```bash\n(.*?)^   ```$", text(page), re.MULTILINE | re.DOTALL)


def test_quickstart_names_the_cost_of_its_clip_in_the_catalog(clip: Any) -> None:
    model = load().find(clip.model)
    assert model is not None
    low, high = str(model.price).split("-")
    assert model.price_unit == "second"
    costs = [f"{Decimal(price) * clip.duration:.2f}" for price in (low, high)]
    assert f"{' to '.join(costs)} USD for the clip of {clip.duration} s" in text(PAGE)
    assert f"{low} to {high} USD a second" in text(PAGE)
    assert clip.guards.max_cost_usd > Decimal(costs[1])


def test_quickstart_command_of_the_sandbox_has_the_port_of_the_connection(sandbox: Any) -> None:
    from lemondata_provider.sandbox.__main__ import _parser  # noqa: PLC0415 # what the command takes

    (line,) = re.findall(r"python -m lemondata_provider\.sandbox (.*)", text(PAGE))
    options = _parser().parse_args(shlex.split(line))
    assert json.loads(sandbox.connection_uri) | {"host": f"http://{options.host}:{options.port}"} == json.loads(
        settings(Path("/home/you"))["AIRFLOW_CONN_LEMONDATA_DEFAULT"]
    )


def test_index_shows_the_dag_of_the_readme() -> None:
    assert blocks("docs/index.md", "python") == blocks("README.md", "python")


def test_readme_is_one_screen_whose_links_work_anywhere() -> None:
    readme = text("README.md")
    assert len(readme.splitlines()) <= 75
    targets = re.findall(r"\]\(([^)]+)\)", readme)
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []
    repository = "https://github.com/lemondata/airflow-provider-lemondata"
    for target in targets:
        if target.startswith(f"{repository}/blob/main/"):
            path = target.removeprefix(f"{repository}/blob/main/").partition("#")[0]
            assert path.startswith("docs/") or (ROOT / path).exists(), target
