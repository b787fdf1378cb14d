"""The built wheel: its files, its metadata, and that it works without the sandbox extra."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DAGS = sorted((ROOT / "dags").glob("*.py"))
THREE = ("lemondata_daily_to_bucket", "lemondata_generate_then_upscale", "lemondata_image_to_video")
WITHOUT_EXTRA = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("av", "numpy", "uvicorn"):  # Airflow itself needs starlette
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources: a build in place leaves files behind."""
    copy = tmp_path_factory.mktemp("source")
    tracked = ["pyproject.toml", "setup.cfg", "README.md", "LICENSE", "lemondata_provider", "dags"]
    subprocess.run(["cp", "-r", *(str(ROOT / name) for name in tracked), str(copy)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "Deprecat" not in built.stdout + built.stderr
    return next((copy / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel to its own folder, away from the sources."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(installed: Path, code: str) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n{code}"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=installed)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_wheel_contains_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"lemondata_provider"}
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "lemondata_provider").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert sources <= set(names)
    assert {f"lemondata_provider/example_dags/{path.name}" for path in DAGS} <= set(names)
    assert {"lemondata_provider/py.typed", "lemondata_provider/sandbox/models.json"} <= set(names)


def test_wheel_metadata_names_license_pythons_entry_points_and_extra(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    info = next(name.partition("/")[0] for name in archive.namelist() if ".dist-info" in name)
    metadata = archive.read(f"{info}/METADATA").decode()
    entry_points = archive.read(f"{info}/entry_points.txt").decode()
    for line in ("License-Expression: Apache-2.0", "Requires-Dist: apache-airflow>=3.2", "Provides-Extra: sandbox"):
        assert line in metadata
    assert "Requires-Python: <3.14,>=3.10" in metadata
    for name in ("Documentation", "Source", "Changelog", "Issues"):
        assert f"Project-URL: {name}, https://" in metadata
    assert "provider_info = lemondata_provider.get_provider_info:get_provider_info" in entry_points
    assert "lemondata_sandbox = lemondata_provider.sandbox.pytest_plugin" in entry_points


def test_wheel_without_sandbox_extra_imports_every_module(installed: Path) -> None:
    code = f"""{WITHOUT_EXTRA}
import importlib, pkgutil, lemondata_provider
assert lemondata_provider.__file__.startswith({str(installed)!r})
names = [module.name for module in pkgutil.walk_packages(lemondata_provider.__path__, "lemondata_provider.")]
ours = [name for name in names if not name.startswith("lemondata_provider.sandbox")]
for name in ours + ["lemondata_provider.sandbox", "lemondata_provider.sandbox.pytest_plugin"]:
    importlib.import_module(name)
print(len(ours))
"""
    assert int(run(installed, code).splitlines()[-1]) >= 15  # Airflow 3.2 logs to stdout what it imports


def test_sandbox_fixture_without_extra_skips_with_the_install_command(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_of_a_user.py").write_text("def test_it(lemondata_sandbox):\n    pass\n")
    code = f"""{WITHOUT_EXTRA}
import pytest
pytest.main(["-q", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", {str(tmp_path)!r}])
"""
    printed = run(installed, code)
    assert "1 skipped" in printed
    assert "pip install 'airflow-provider-lemondata[sandbox]'" in printed


def test_wheel_tells_airflows_page_of_providers_where_the_documentation_is(installed: Path) -> None:
    code = """
from airflow.providers_manager import ProvidersManager
print(ProvidersManager().providers["airflow-provider-lemondata"].data["documentation-url"])
"""
    assert run(installed, code).splitlines()[-1].strip().startswith("https://")  # 3.2 keeps the space in front


def test_example_dags_of_the_wheel_parse_and_run_against_the_sandbox(installed: Path, tmp_path: Path) -> None:
    """Three of them: tests/distributed and tests/e2e run all, in a real Airflow that has the wheel too."""
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci/examples.py"), str(tmp_path), *THREE],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{len(DAGS)} parsed, {len(THREE)} run" in done.stdout
