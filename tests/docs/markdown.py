"""Read the parts of a Markdown page that tests compare with the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)


def text(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)


def words(part: str) -> list[str]:
    """Return what a part of a page shows as code, without whole code blocks."""
    return re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", part, flags=re.MULTILINE | re.DOTALL))


def between(page: str, start: str, end: str) -> str:
    """Return the part of a page between two texts that occur once."""
    _, after = text(page).split(start)
    return after.partition(end)[0]


def rows(part: str) -> list[list[str]]:
    """Return the cells of a part's tables, without heads and rules."""
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line, follower in zip(lines, [*lines[1:], ""], strict=True)
        if not re.match(r"[| -]+$", line) and not re.match(r"[| -]+$", follower or "x")
    ]


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    heads = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
