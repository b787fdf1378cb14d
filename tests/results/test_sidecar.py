"""Whose file a path holds, decided without any file."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from lemondata_provider.api.container import VideoFacts
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.api.task import Task
from lemondata_provider.api.video_body import Downloaded
from lemondata_provider.results.sidecar import Occupant, Origin, Sidecar, compare, read_sidecar

REQUEST = {"model": "m1", "prompt": "p1"}
SIDECAR = Sidecar(task_id="t1", fingerprint=REQUEST, sha256="aa", size=10)


@pytest.mark.parametrize(
    ("size", "sidecar", "origin", "occupant", "differences"),
    [
        (10, None, Origin("t1"), Occupant.UNKNOWN, ()),
        (11, SIDECAR, Origin("t1"), Occupant.UNKNOWN, ()),
        (10, SIDECAR, Origin("t1"), Occupant.SAME_TASK, ()),
        (10, SIDECAR, Origin("t1", fingerprint={"prompt": "p2"}), Occupant.SAME_TASK, ()),
        (10, SIDECAR, Origin("t2", fingerprint=REQUEST), Occupant.SAME_REQUEST, ()),
        (10, SIDECAR, Origin(fingerprint=REQUEST), Occupant.SAME_REQUEST, ()),
        (10, SIDECAR, Origin(fingerprint={**REQUEST, "prompt": "p2"}), Occupant.OTHER_REQUEST, ("prompt",)),
        (10, SIDECAR, Origin(fingerprint={"model": "m1", "seed": "s"}), Occupant.OTHER_REQUEST, ("prompt", "seed")),
        (10, SIDECAR, Origin("t2"), Occupant.OTHER_REQUEST, ("task_id",)),
        (10, SIDECAR, Origin(), Occupant.OTHER_REQUEST, ("task_id",)),
        (10, Sidecar(sha256="aa", size=10), Origin(), Occupant.OTHER_REQUEST, ("task_id",)),
    ],
)
def test_compare_file_and_sidecar_tell_whose_file_it_is(
    size: int, sidecar: Sidecar | None, origin: Origin, occupant: Occupant, differences: tuple[str, ...]
) -> None:
    found = compare(size, sidecar, origin)
    assert (found.occupant, found.differences) == (occupant, differences)


def test_sidecar_of_download_has_exactly_the_documented_fields() -> None:
    task = Task(id="t1", poll_url="/v1/tasks/t1?token=secret", created=datetime(2026, 11, 25, tzinfo=timezone.utc))
    origin = Origin.of(task, SubmitFacts("m1", "text-to-video", "0.60"), REQUEST)
    downloaded = Downloaded(10, "aa", VideoFacts("mp4", 4.0, 320, 180, True))
    content = Sidecar.of(origin, downloaded, 2, 3).to_bytes()
    assert json.loads(content) == {
        "version": 1,
        "task_id": "t1",
        "model": "m1",
        "operation": "text-to-video",
        "fingerprint": REQUEST,
        "sha256": "aa",
        "size": 10,
        "container": "mp4",
        "duration": 4.0,
        "width": 320,
        "height": 180,
        "audio": True,
        "number": 2,
        "videos": 3,
        "estimated_cost_usd": "0.60",
        "created": "2026-11-25T00:00:00+00:00",
    }
    assert read_sidecar(content) == Sidecar.of(origin, downloaded, 2, 3)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"[]", b"{}", b'{"size": "many", "sha256": "aa"}'])
def test_read_sidecar_other_content_is_none(content: bytes | None) -> None:
    assert read_sidecar(content) is None


def test_read_sidecar_of_yesterday_does_not_know_the_sound() -> None:
    sidecar = read_sidecar(b'{"version": 1, "sha256": "aa", "size": 10, "height": 180}')
    assert sidecar is not None
    assert sidecar.audio is None


def test_read_sidecar_of_tomorrow_ignores_new_fields() -> None:
    assert read_sidecar(b'{"version": 2, "sha256": "aa", "size": 10, "new": {}}') is not None
