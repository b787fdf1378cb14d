"""The sample project of the how-to about tests: its tests, as a user runs them, with the installed wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

pytestmark = pytest.mark.slow

SOURCES = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE", "lemondata_provider")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel to its own folder, with its entry points, away from the sources."""
    copy, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    subprocess.run(["cp", "-r", *(str(ROOT / name) for name in SOURCES), str(copy)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    subprocess.run(command, capture_output=True, check=True)
    (wheel,) = (copy / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_sample_project_five_tests_pass_with_the_wheel_alone(installed: Path, tmp_path: Path) -> None:
    project = shutil.copytree(ROOT / "docs/examples/sample_project", tmp_path / "project")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    environment = {**inherited, "PYTHONPATH": str(installed), "AIRFLOW_HOME": str(tmp_path / "home")}
    del environment["NO_PROXY"], environment["no_proxy"]  # the fixture sets them
    environment["HTTP_PROXY"] = environment["http_proxy"] = "http://127.0.0.1:9"  # where nothing listens
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert "5 passed" in ended.stdout, ended.stdout + ended.stderr
    assert "skipped" not in ended.stdout.splitlines()[-1]
    assert not list((tmp_path / "home").glob("*.db"))
