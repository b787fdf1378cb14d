"""What a page looks like: a picture of it to be judged, and what axe finds wrong in the part that is ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "build/screenshots"] + ([ROOT / "docs/images"] if os.environ.get("LEMONDATA_DOCS") else [])


def picture(page: Page, name: str, in_docs: bool = False) -> None:
    """Write a screenshot to build/, and with LEMONDATA_DOCS=1 in the environment those for the docs to docs/images/."""
    page.evaluate("document.fonts.ready")
    content = page.screenshot(animations="disabled")
    for folder in FOLDERS[: 2 if in_docs else 1]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(content)


def violations(page: Page) -> list[Any]:
    """List what axe finds below our shadow roots; the rest of the page is Airflow's."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 # not installed everywhere

    found = Axe().run(page).response["violations"]
    return [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in found
        for node in violation["nodes"]
        if isinstance(node["target"][0], list)  # a path through a shadow root
    ]


def overflow(page: Page) -> int:
    """Return by how many pixels something of ours is wider than the window."""
    return int(
        page.evaluate(
            """() => Math.max(0, ...[...document.querySelectorAll("[data-theme][lang=en]")].flatMap((host) =>
                [...host.shadowRoot.querySelectorAll(".card, .card *, .filters *, header *, .spend *, .tile *")]
                    .filter((it) => !it.closest(".scroll") && !it.closest(".where a"))
                    .map((it) => Math.ceil(it.getBoundingClientRect().right - innerWidth))))"""
        )
    )
