"""A process that is killed in mid-download: nothing stands under the final name, and the next try succeeds."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin
from tests.api.file_server import FileServer, Reply
from tests.results.keeping import CONTENT, task

ROOT = Path(__file__).parents[2]
KEEP = """
import sys
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin
from tests.results.keeping import task
ResultKeeper(target_for(sys.argv[1])).keep(task(sys.argv[2]), Origin("t1"))
"""


@pytest.mark.slow
def test_keep_process_killed_in_mid_download_leaves_nothing_under_the_name(store: Any, server: FileServer) -> None:
    server.script = [Reply(share=0.6, hangs=True)]
    path = f"{store.base}/clip.mp4"
    process = subprocess.Popen([sys.executable, "-c", KEEP, path, server.url], cwd=ROOT)
    try:
        assert server.hanging.wait(60)
        time.sleep(1)  # until the bytes on their way are written
    finally:
        process.kill()
        process.wait(10)
    assert [name for name in store.names() if not name.endswith(".part")] == []
    assert not ResultKeeper(target_for(path)).keep(task(server.url), Origin("t1")).skipped
    assert store.get("clip.mp4") == CONTENT


@pytest.mark.slow
def test_keep_disk_takes_no_more_bytes_leaves_nothing(tmp_path: Path, server: FileServer) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))\n"
    command = [sys.executable, "-c", limit + KEEP, str(tmp_path / "clip.mp4"), server.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert "OutputUnwritableError" in done.stderr
    assert "File too large" in done.stderr
    assert "a retry stores it at no cost" in done.stderr
    assert list(tmp_path.iterdir()) == []
