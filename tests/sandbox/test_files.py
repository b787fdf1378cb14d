from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lemondata_provider.sandbox.files import Files


def write(path: Path) -> None:
    path.write_bytes(b"video")


def test_files_get_concurrent_requests_render_once():
    files, drawn, begun = Files(), [], threading.Event()

    def draw(path: Path) -> None:
        begun.set()
        time.sleep(0.05)
        drawn.append(path)
        write(path)

    threads = [threading.Thread(target=files.get, args=("a", draw)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(5)
    assert files.get("a", draw).read_bytes() == b"video"
    for thread in threads:
        thread.join()
    assert len(drawn) == 1
    files.close()


def test_files_close_temporary_folder_removes_it():
    files = Files()
    files.close()
    path = files.get("a", write)
    files.close()
    assert not path.parent.exists()


def test_files_close_folder_of_the_caller_keeps_it(tmp_path):
    files = Files(tmp_path / "new")
    path = files.get("a", write)
    files.close()
    assert path == tmp_path / "new" / "a.mp4"
    assert path.exists()


def test_files_get_rendering_fails_leaves_no_video(tmp_path):
    def draw(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    files = Files(tmp_path)
    with pytest.raises(OSError, match="disk full"):
        files.get("a", draw)
    assert not list(tmp_path.glob("*.mp4"))
