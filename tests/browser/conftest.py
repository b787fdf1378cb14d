"""One real Airflow with the plugin, one sandbox, and Debian's Chromium, for all tests of the page of videos."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.local_airflow import LocalAirflow
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Page

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / "build/screenshots"
CHROMIUM = Path(os.environ.get("LEMONDATA_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = (
    "--no-sandbox",  # for root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def _why_not() -> str:
    if not CHROMIUM.exists():
        return f"no {CHROMIUM}: apt-get install chromium, or name another one in LEMONDATA_CHROMIUM"
    return "" if importlib.util.find_spec("playwright") else "Playwright is not installed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why_not = _why_not()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if why_not:
                item.add_marker(pytest.mark.skip(reason=why_not))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose pictures are large enough for screenshots."""
    with Sandbox(Settings(generation_seconds=4.0, scale_down=2)) as running:
        yield running


@pytest.fixture(scope="session")
def media_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only folder that the API server may stream from."""
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="session")
def airflow(sandbox: Sandbox, media_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """A real Airflow of the environment that runs these tests."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(HERE / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        "AIRFLOW_CONN_LEMONDATA_DEFAULT": sandbox.connection_uri,
        "AIRFLOW__LEMONDATA__MEDIA_ROOTS": json.dumps({f"file://{media_root}": None}),
        "AIRFLOW_VAR_CAMPAIGN_FOLDER": str(media_root),
    }
    with LocalAirflow(home=home, dags=dags, python=Path(sys.executable), environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 # not installed everywhere

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


OpenPage = Callable[..., "Page"]


@pytest.fixture
def open_page(airflow: LocalAirflow, chromium: Browser) -> Iterator[OpenPage]:
    """Open pages of Airflow; the test fails if one of them shows a dialog or if a script of it fails."""
    contexts: list[BrowserContext] = []
    mishaps: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        mishaps.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: mishaps.append(f"script: {error}"))
        page.on("dialog", dismiss)

    def open_(path: str, theme: str = "light", prepare: Callable[[Page], Any] = bool, **options: Any) -> Page:
        options = {"viewport": DESKTOP, "color_scheme": theme, "timezone_id": "UTC", **options}
        context = chromium.new_context(base_url=airflow.url, **options)
        context.add_init_script(f"localStorage.setItem('theme', {theme!r})")
        contexts.append(context)
        page = context.new_page()
        watch(page)
        prepare(page)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not mishaps
