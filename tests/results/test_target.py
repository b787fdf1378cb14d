"""Files that are wholly there or not at all, in a folder and in a bucket."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from lemondata_provider.api.errors import OutputTakenError
from lemondata_provider.results.paths import target_for
from lemondata_provider.results.target import Target

LARGE = b"0123456789abcdef" * 1024 * 1024  # two parts of an upload
both_sizes = pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
both_modes = pytest.mark.parametrize("exclusive", [True, False], ids=["exclusive", "overwrite"])


def clip(store: Any) -> Target:
    return target_for(f"{store.base}/clip.mp4")


@both_sizes
@both_modes
def test_sink_commit_publishes_the_whole_file(store: Any, content: bytes, exclusive: bool) -> None:
    sink = clip(store).sink(exclusive)
    sink.write(content[:3])
    sink.write(content[3:])
    assert store.get("clip.mp4") is None
    sink.commit()
    sink.abandon()
    assert store.get("clip.mp4") == content
    assert store.names() == ["clip.mp4"]
    assert store.leftovers() == []


@both_sizes
@both_modes
def test_sink_abandon_leaves_nothing(store: Any, content: bytes, exclusive: bool) -> None:
    sink = clip(store).sink(exclusive)
    sink.write(content)
    sink.abandon()
    sink.abandon()
    del sink
    gc.collect()
    assert store.names() == []
    assert store.leftovers() == []


@both_sizes
def test_sink_restart_forgets_the_first_bytes(store: Any, content: bytes) -> None:
    sink = clip(store).sink(exclusive=True)
    sink.write(content)
    sink.restart()
    sink.write(b"right")
    sink.commit()
    assert store.get("clip.mp4") == b"right"
    assert store.leftovers() == []


@both_sizes
def test_sink_exclusive_file_came_in_the_meantime_is_taken(store: Any, content: bytes) -> None:
    sink = clip(store).sink(exclusive=True)
    sink.write(content)
    store.put("clip.mp4", b"other")
    with pytest.raises(OutputTakenError, match=r"clip\.mp4 is already there"):
        sink.commit()
    sink.abandon()
    assert store.get("clip.mp4") == b"other"
    assert store.leftovers() == []


@both_sizes
def test_sink_overwrite_replaces_the_file_at_once(store: Any, content: bytes) -> None:
    store.put("clip.mp4", b"old")
    sink = clip(store).sink(exclusive=False)
    sink.write(content)
    assert store.get("clip.mp4") == b"old"
    sink.commit()
    assert store.get("clip.mp4") == content


def test_sink_two_writers_at_once_publish_one_whole_file(store: Any) -> None:
    first, second = clip(store).sink(exclusive=True), clip(store).sink(exclusive=True)
    first.write(LARGE)
    second.write(b"x" * len(LARGE))
    second.commit()
    with pytest.raises(OutputTakenError):
        first.commit()
    first.abandon()
    assert store.get("clip.mp4") == b"x" * len(LARGE)
    assert store.names() == ["clip.mp4"]
    assert store.leftovers() == []


def test_size_of_file_is_never_from_a_cache(store: Any) -> None:
    target = clip(store)
    assert target.size() is None
    store.put("clip.mp4", b"12345")
    assert target.size() == 5
    store.put("clip.mp4", b"123456")
    assert target.size() == 6


def test_small_file_is_written_read_and_removed(store: Any) -> None:
    target = target_for(f"{store.base}/clip.mp4.json")
    assert target.read() is None
    target.write(b"{}")
    target.write(b'{"a": 1}')
    assert target.read() == b'{"a": 1}'
    target.remove()
    assert store.names() == []


@pytest.mark.parametrize("path", ["/clip.mp4", "/deep/clip.mp4"])
def test_sibling_lies_in_the_same_folder(store: Any, path: str) -> None:
    target = target_for(f"{store.base}{path}")
    other = target.sibling("clip.mp4.json")
    assert (other.path, other.uri) == (f"{target.path}.json", f"{target.uri}.json")
    other.write(b"{}")
    assert target_for(other.path).read() == b"{}"


def test_preflight_usable_target_leaves_nothing(store: Any) -> None:
    clip(store).preflight()
    assert store.names() == []
