"""
A download of a large video against the tools for each half of it, in turns: curl to a file, s3fs's own put to a bucket.

Both sides fetch from, and store to, the same servers. Ours also hashes the bytes and walks their boxes; s3fs has the
file on this machine already, and sends ten parts at once.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import s3fs  # type: ignore[import-untyped] # it has no types
from moto.server import ThreadedMotoServer

from benchmarks.report import Report
from harness.processes import free_port
from tests.api.video_files import FTYP, index

MEBIBYTE = 1024 * 1024
SIZE = 256  # mebibytes
TURNS = 5
MAX_RATIO = 1 / 0.8  # of the seconds: at least 0.8 of the throughput
MAX_MEMORY = 64  # mebibytes
CURL, SYNC = (shutil.which(name) or name for name in ("curl", "sync"))
# A process of its own, so that its memory is its own: a small video first, then the large one.
KEEP = """
import re, sys, time
from pathlib import Path
from lemondata_provider.api.task import Task, Video
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.sidecar import Origin

base, url = sys.argv[1:]
for name in ("small", "large"):
    task = Task(id="t1", poll_url="/v1/tasks/t1", videos=(Video(url=f"{url}/{name}.mp4"),))
    began = time.perf_counter()
    ResultKeeper(target_for(f"{base}/{name}.mp4"), "overwrite").keep(task, Origin("t1"))
    peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())  # getrusage knows the parent's too
    print("measured", time.perf_counter() - began, peak[1])
"""


def write_video(path: Path, mebibytes: int) -> None:
    """Write a file that is whole as a video, and holds noise."""
    with path.open("wb") as file:
        file.write(FTYP + index() + struct.pack(">I4sQ", 1, b"mdat", 16 + mebibytes * MEBIBYTE))
        for _ in range(mebibytes):
            file.write(os.urandom(MEBIBYTE))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder from another process, and give its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
            client.head(url)
        try:
            yield url
        finally:
            server.terminate()


@contextmanager
def moto() -> Iterator[tuple[s3fs.S3FileSystem, str]]:
    """Run a server that speaks S3, and give a file system and an Airflow connection for it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    fs = s3fs.S3FileSystem(key="id", secret="secret", client_kwargs=extra)  # noqa: S106 # moto takes any
    try:
        fs.call_s3("create_bucket", Bucket="clips")  # mkdir would name the region, which AWS refuses for this one
        yield fs, json.dumps({"conn_type": "aws", "login": "id", "password": "secret", "extra": extra})
    finally:
        server.stop()


def keep(base: str, url: str, connection: str = "") -> tuple[float, float]:
    """Return the seconds of the large download, and by how many mebibytes it raised the process's peak of memory."""
    command = [sys.executable, "-c", KEEP, base, url]
    environment = {**os.environ, "AIRFLOW_CONN_MOTO": connection}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("measured")]
    (_, before), (seconds, after) = ((float(one), float(other)) for one, other in lines)
    return seconds, (after - before) / 1024


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def curl(url: str, file: Path) -> None:
    """Download with curl, and sync the file as we do."""
    subprocess.run([CURL, "-sSf", "-o", str(file), f"{url}/large.mp4"], check=True)
    subprocess.run([SYNC, str(file)], check=True)


def compare(report: Report, name: str, ours: Callable[[], tuple[float, float]], theirs: Callable[[], object]) -> None:
    """Measure both in turns."""
    turns = [(*ours(), timed(theirs)) for _ in range(TURNS)]
    seconds, memory, others = zip(*turns, strict=True)
    report.add(f"{name}: our seconds", median(seconds), median(others) * MAX_RATIO)
    report.add(f"{name}: the other's seconds", median(others))
    report.add(f"{name}: MiB above the peak of 16 MiB", max(memory), MAX_MEMORY, 1)
    report.section()


def main() -> int:
    report = Report(f"A download of {SIZE} MiB", f"Medians of {TURNS} turns; the bounds are 0.8 of the throughput.")
    with TemporaryDirectory() as name, serving(Path(name)) as url, moto() as (fs, connection):
        folder = Path(name)
        write_video(folder / "small.mp4", 16)
        write_video(large := folder / "large.mp4", SIZE)
        compare(report, "file, curl", lambda: keep(f"{folder}/ours", url), lambda: curl(url, folder / "curl.mp4"))
        put = lambda: fs.put_file(str(large), "clips/put.mp4", chunksize=8 * MEBIBYTE)  # noqa: E731 # like its brother
        compare(report, "S3 (moto), s3fs put", lambda: keep("s3://moto@clips", url, connection), put)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
