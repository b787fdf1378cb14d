from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PLUGIN = ("-p", "lemondata_provider.sandbox.pytest_plugin")
TESTS = """
import httpx

def test_create_first_test_is_in_the_ledger(lemondata_sandbox):
    headers = {"Authorization": f"Bearer {lemondata_sandbox.api_key}"}
    body = {"model": "sora-2", "prompt": "a cat"}
    httpx.post(f"{lemondata_sandbox.url}/v1/videos/generations", json=body, headers=headers)
    assert len(lemondata_sandbox.ledger.creates) == 1
    lemondata_sandbox.configure(api_key="sk-changed")
    assert lemondata_sandbox.settings.generation_seconds == 0.2

def test_reset_second_test_starts_empty(lemondata_sandbox):
    assert lemondata_sandbox.ledger.creates == []
    assert lemondata_sandbox.api_key == "sk-sandbox"
"""
WITHOUT_EXTRA = """
import sys
sys.modules["starlette"] = sys.modules["starlette.applications"] = None
"""


def pytest_in(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), *arguments]
    if "lemondata_sandbox" not in _entry_points():
        command += PLUGIN
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def _entry_points() -> set[str]:
    return set(entry_points(group="pytest11").names)


def test_lemondata_sandbox_each_test_starts_fresh(tmp_path):
    (tmp_path / "test_users.py").write_text(TESTS)
    assert "2 passed" in pytest_in(tmp_path)


def test_lemondata_sandbox_missing_extra_skips_with_its_name(tmp_path):
    (tmp_path / "test_users.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(WITHOUT_EXTRA)
    said = pytest_in(tmp_path, "-rs")
    assert "2 skipped" in said
    assert "airflow-provider-lemondata[sandbox]" in said


def test_pytest_plugin_import_loads_no_dependency():
    script = (
        "import sys; import lemondata_provider.sandbox.pytest_plugin;"
        "print([name for name in ('av', 'numpy', 'starlette', 'uvicorn', 'httpx', 'airflow') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
