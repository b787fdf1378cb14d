"""``python -m demo``: watch a real Airflow generate two clips and upscale them."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from demo import story
from harness import processes


def main() -> int:
    """Run the demo in the current folder: ``.demo`` holds what it needs, ``out`` what it makes."""
    home = Path.cwd() / ".demo"
    try:
        with processes.exit_on_termination():
            story.tell(home, Path.cwd() / "out")
    except KeyboardInterrupt:
        return _say("Interrupted; everything that was started has ended.", 130)
    except (RuntimeError, OSError, httpx.HTTPError) as error:
        return _say(f"{error}\nThe demo failed; its logs are in {home / 'logs'}.", 1)
    return 0


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
