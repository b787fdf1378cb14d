from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lemondata_provider.sandbox.files import Files


def test_whoever_asks_while_a_file_is_drawn_waits_for_that_drawing():
    files, drawn, begun = Files(), [], threading.Event()

    def draw(path: Path) -> None:
        begun.set()
        time.sleep(0.05)
        drawn.append(path)
        path.write_bytes(b"video")

    threads = [threading.Thread(target=files.get, args=("a", draw)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(5)
    assert files.get("a", draw).read_bytes() == b"video"
    for thread in threads:
        thread.join()
    assert len(drawn) == 1
    files.close()


def test_a_temporary_folder_is_made_when_needed_and_removed_at_the_end():
    files = Files()
    files.close()
    path = files.get("a", lambda path: path.write_bytes(b"video") and None)
    files.close()
    assert not path.parent.exists()


def test_a_folder_of_the_caller_stays(tmp_path):
    files = Files(tmp_path / "new")
    path = files.get("a", lambda path: path.write_bytes(b"video") and None)
    files.close()
    assert path == tmp_path / "new" / "a.mp4"
    assert path.exists()


def test_a_drawing_that_breaks_off_leaves_no_video(tmp_path):
    def draw(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    files = Files(tmp_path)
    with pytest.raises(OSError, match="disk full"):
        files.get("a", draw)
    assert not list(tmp_path.glob("*.mp4"))
