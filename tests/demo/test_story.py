"""The demo as people run it: to its end, interrupted, and twice at once."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from demo.service import KEY
from harness.processes import MARK

ROOT = Path(__file__).parents[2]
SECRET = "sk-real-0123456789"


@pytest.fixture
def demo(tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", KEY: SECRET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_over(home: Path) -> list[psutil.Process]:
    """Whatever still runs and was started by a demo in this home."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(str(home)):
                left.append(process)
        except (psutil.Error, OSError):
            continue
    return left


@pytest.mark.e2e
def test_demo_uninterrupted_writes_videos_and_contact_sheet(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    output, _ = demo.communicate(timeout=240)

    assert demo.returncode == 0, output
    assert "using the sandbox" in output
    assert "320x180 → 640x360" in output
    assert "4 videos skipped, nothing paid" in output
    videos = {"clip-1.mp4", "clip-1-upscaled.mp4", "clip-2.mp4", "clip-2-upscaled.mp4"}
    beside = {f"{video}.{suffix}" for video in videos for suffix in ("json", "jpg")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*videos, *beside, "contact-sheet.png"}
    assert left_over(tmp_path) == []
    written = [path.read_bytes() for path in (tmp_path / ".demo").rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in [output.encode(), *written])
    shown = [output.encode(), *(path.read_bytes() for path in (tmp_path / "out").iterdir())]
    assert not any(secret in content for content in shown for secret in (b"sk-", b"data:image"))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("number", "moment", "code"),
    [(signal.SIGINT, "Running", 130), (signal.SIGTERM, "waiting for api_server", 143)],
)
def test_demo_interrupted_exits_and_leaves_no_process(
    demo: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, moment: str, code: int
) -> None:
    assert demo.stdout
    for line in demo.stdout:
        if moment in line:
            break
    assert left_over(tmp_path)

    demo.send_signal(number)
    output, _ = demo.communicate(timeout=40)

    assert demo.returncode == code, output
    assert "Traceback" not in output
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_demo_started_twice_refuses_the_second(tmp_path: Path) -> None:
    (tmp_path / ".demo").mkdir()
    with (tmp_path / ".demo" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.run(
            [sys.executable, "-m", "demo"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 1
    assert "Another demo is running" in second.stderr
    assert "Traceback" not in second.stderr
