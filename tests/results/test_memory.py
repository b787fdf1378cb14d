"""The memory that a download of 1 GiB takes, in a process of its own: it must not grow with the video."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.api.video_files import FTYP, index

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MEBIBYTE = 1024 * 1024
LARGE = 1024  # mebibytes
MAX_GROWTH = 64  # mebibytes above a process that has downloaded a small video
KEEP = """
import resource, sys
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin
from lemondata_provider.api.task import Task, Video

base, url = sys.argv[1:]
for name in ("small", "large"):
    keeper = ResultKeeper(target_for(f"{base}/{name}.mp4"))
    task = Task(id="t1", poll_url="/v1/tasks/t1", videos=(Video(url=f"{url}/{name}"),))
    kept = keeper.keep(task, Origin("t1"))
    print("measured", kept.outputs[0].size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Endless(BaseHTTPRequestHandler):
    """Sends a video of any size, and holds one block of it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        blocks = 16 if self.path.endswith("small") else LARGE
        head = FTYP + index() + struct.pack(">I4sQ", 1, b"mdat", 16 + blocks * MEBIBYTE)
        self.send_response(200)
        self.send_header("Content-Length", str(len(head) + blocks * MEBIBYTE))
        self.end_headers()
        self.wfile.write(head)
        for _ in range(blocks):
            self.wfile.write(bytes(MEBIBYTE))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_keep_large_video_needs_little_memory(store: Any, url: str) -> None:
    command = [sys.executable, "-c", KEEP, store.base, url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("measured")]  # the rest are logs
    (small_size, before), (large_size, after) = (map(int, line) for line in lines)
    assert (small_size // MEBIBYTE, large_size // MEBIBYTE) == (16, LARGE)
    growth = (after - before) / 1024
    print(f"{before / 1024:.0f} MiB, then {growth:.0f} MiB more")  # noqa: T201 # what was measured
    assert growth < MAX_GROWTH
