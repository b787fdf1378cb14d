"""What only a folder can do to a file: full disks, file systems without links, killed writers."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from lemondata_provider.api.errors import OutputTakenError, OutputUnwritableError
from lemondata_provider.results.local import LocalSink, LocalTarget, remove_stale


def target(folder: Path, name: str = "clip.mp4") -> LocalTarget:
    return LocalTarget(str(folder / name), str(folder / name))


def test_sink_missing_folder_is_made(tmp_path: Path) -> None:
    deep = target(tmp_path / "a" / "b")
    deep.preflight()
    deep.write(b"x")
    assert deep.file.read_bytes() == b"x"


def test_sink_full_disk_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    sink = LocalSink(target(tmp_path), exclusive=True)
    sink._file.close()
    sink._file = full.open("wb")
    sink.write(b"x")  # still in the buffer
    with pytest.raises(OutputUnwritableError, match="No space left"):
        sink.commit()
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_sink_long_name_gets_a_temporary_name_that_fits(tmp_path: Path) -> None:
    long = target(tmp_path, "c" * 240 + ".mp4")
    long.write(b"x")
    assert long.file.read_bytes() == b"x"


@pytest.mark.parametrize("exclusive", [True, False])
def test_sink_path_is_a_folder_is_refused(tmp_path: Path, exclusive: bool) -> None:
    (tmp_path / "clip.mp4").mkdir()
    sink = target(tmp_path).sink(exclusive)
    sink.write(b"x")
    with pytest.raises(OutputTakenError):
        sink.commit()
    sink.abandon()
    assert list((tmp_path / "clip.mp4").iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_sink_exclusive_without_links_still_replaces_nothing(tmp_path: Path, there: bool) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    sink = LocalSink(target(tmp_path), exclusive=True, link=no_links)
    sink.write(b"new")
    if there:
        (tmp_path / "clip.mp4").write_bytes(b"old")
        with pytest.raises(OutputTakenError):
            sink.commit()
    else:
        sink.commit()
    sink.abandon()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old" if there else b"new"]


def test_remove_stale_removes_only_our_files_of_days_ago(tmp_path: Path) -> None:
    killed, running = (LocalSink(target(tmp_path), exclusive=True).temporary for _ in range(2))
    others = [tmp_path / name for name in (".clip.mp4.part", "clip.mp4", ".x.0123456789abcdef.part.txt")]
    for path in [killed, *others]:
        path.touch()
        os.utime(path, (time.time() - 90_000, time.time() - 90_000))
    remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([running, *others])
    assert killed.name != running.name


def test_preflight_folder_at_the_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").mkdir()
    with pytest.raises(OutputTakenError, match="is a folder"):
        target(tmp_path).preflight()
    with pytest.raises(OutputTakenError, match="is a folder"):
        target(tmp_path).size()


def test_preflight_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "day").write_bytes(b"")
    with pytest.raises(OutputUnwritableError, match="may not write into"):
        target(tmp_path / "day").preflight()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_preflight_folder_without_rights_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritableError, match="may not write into"):
        target(tmp_path).preflight()
