"""Write the Python examples of the pages into a folder, a file each: ``python -m tests.docs.snippets FOLDER``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.docs.markdown import PAGES, blocks


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.py"):
        old.unlink()
    for page in PAGES:
        for number, block in enumerate(blocks(page, "python")):
            name = re.sub(r"\W", "_", page.removesuffix(".md").lower())
            (folder / f"{name}_{number}.py").write_text(block)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
