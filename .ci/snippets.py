"""Write the Python examples of README and docs into a folder, a file each: `snippets.py FOLDER`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(folder: Path) -> None:
    """Write them; what is there goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.py"):
        old.unlink()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, block in enumerate(
            re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        ):
            (folder / f"{page.stem.lower()}_{number}.py").write_text(block)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
