"""The operator that stores a finished video, against the sandbox, a folder and a bucket."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from lemondata_provider.api.errors import (
    InvalidRequestError,
    LemonDataError,
    LinkEndedError,
    OutputUnwritableError,
)
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator
from tests.results.keeping import quick


@pytest.fixture
def clip(sandbox: Any, context: Any) -> dict[str, Any]:
    """Return the result of a finished submit."""
    submit = SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="a cat",
        duration=4,
        wait_for_completion=True,
        deferrable=False,
        poll_interval=0.02,
    )
    return submit.execute(context)


@pytest.fixture
def keep(context: Any, tmp_path: Path) -> Any:
    """Run the operator; its file is ``clip.mp4`` unless another path is given."""

    def run(**arguments: Any) -> dict[str, Any]:
        arguments = {"path": str(tmp_path / "clip.mp4"), **arguments}
        operator = VideoToObjectStorageOperator(task_id="keep", **arguments)
        operator.new_downloader = quick
        return operator.execute(context)

    return run


def served(sandbox: Any, clip: dict[str, Any]) -> bytes:
    return bytes(sandbox.service.video(clip["task_id"]).read_bytes())


@pytest.mark.parametrize("whole", [True, False], ids=["result", "poll URL"])
def test_operator_finished_task_is_stored_and_described(
    sandbox: Any, clip: Any, keep: Any, context: Any, tmp_path: Path, whole: bool
) -> None:
    result = keep(poll_url=clip if whole else clip["poll_url"])
    assert (tmp_path / "clip.mp4").read_bytes() == served(sandbox, clip)
    assert result.keys() == set(clip)
    assert result["output_uri"] == context["ti"].xcoms["output_uri"] == f"file://{tmp_path}/clip.mp4"
    assert result["outputs"][0]["container"] == "mp4"
    assert result["operation"] == ("text-to-video" if whole else None)
    assert json.loads((tmp_path / "clip.mp4.json").read_text())["task_id"] == clip["task_id"]
    assert len(sandbox.ledger.creates) == 1


def test_operator_links_that_ended_are_asked_for_again(sandbox: Any, clip: Any, keep: Any, tmp_path: Path) -> None:
    sandbox.configure(link_seconds=0)
    with pytest.raises(LinkEndedError):
        keep(poll_url=clip)
    sandbox.configure(link_seconds=60)
    sandbox.fault("error", on="file", status=403)
    keep(poll_url=clip)
    assert (tmp_path / "clip.mp4").read_bytes() == served(sandbox, clip)


@pytest.mark.parametrize("way", ["full", "ignored", "changed"])
def test_operator_download_cut_is_completed(sandbox: Any, clip: Any, keep: Any, tmp_path: Path, way: str) -> None:
    sandbox.configure(range_requests=way)
    sandbox.fault("cut", on="file", share=0.5)
    keep(poll_url=clip)
    assert (tmp_path / "clip.mp4").read_bytes() == served(sandbox, clip)


def test_operator_file_host_never_sees_the_key(sandbox: Any, clip: Any, keep: Any, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        keep(poll_url=clip)
    assert sandbox.api_key not in caplog.text


def test_operator_second_run_downloads_nothing(sandbox: Any, clip: Any, keep: Any) -> None:
    first = keep(poll_url=clip)
    again = keep(poll_url=clip)
    assert (first["skipped"], again["skipped"]) == (False, True)
    assert again["outputs"] == first["outputs"]


def test_operator_video_url_is_stored_without_a_task(sandbox: Any, clip: Any, keep: Any) -> None:
    result = keep(video_url=f"{clip['video_url']}?signature=1")
    assert result.keys() == {"output_path", "output_uri", "outputs", "poster_path", "skipped"}
    assert keep(video_url=f"{clip['video_url']}?signature=2")["skipped"]
    with pytest.raises(LemonDataFailException, match="another request"):
        keep(poll_url=clip)


def test_operator_folder_names_the_file_by_task_and_map_index(
    clip: Any, keep: Any, context: Any, tmp_path: Path
) -> None:
    context["ti"].map_index = 3
    assert keep(poll_url=clip, path=f"file://{tmp_path}/")["output_uri"].endswith("/keep-3.mp4")


def test_operator_object_storage_path_keeps_its_text() -> None:
    path = ObjectStoragePath("file:///data/clip.mp4")
    operator = VideoToObjectStorageOperator(task_id="keep", path=path, video_url="https://host/clip.mp4")
    assert operator.path == "file:///data/clip.mp4"


def test_operator_unfinished_task_is_no_final_error(sandbox: Any, keep: Any, context: Any, tmp_path: Path) -> None:
    submitted = SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="[forever]").execute(context)
    with pytest.raises(LemonDataError, match="wait with TaskSensor") as caught:
        keep(poll_url=submitted)
    assert not caught.value.final
    assert list(tmp_path.iterdir()) == []


def test_operator_target_unusable_polls_nothing(sandbox: Any, clip: Any, keep: Any) -> None:
    before = len(sandbox.ledger.calls)
    with pytest.raises(OutputUnwritableError, match="'nowhere'"):
        keep(poll_url=clip, path="s3://nowhere@clips/clip.mp4")
    assert len(sandbox.ledger.calls) == before


def test_operator_path_of_another_file_system_is_refused_in_the_dag_file(keep: Any) -> None:
    with pytest.raises(InvalidRequestError, match="must begin with file:"):
        keep(path="memory://clips/clip.mp4", video_url="https://host/clip.mp4")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"max_bytes": 100}, "max_bytes is 100"),
        ({"path": "/proc/version/clip.mp4"}, None),
        ({"poll_url": "not a poll URL"}, "poll_url must be"),
    ],
)
def test_operator_what_a_retry_cannot_help_fails_at_once(
    clip: Any, keep: Any, arguments: dict[str, Any], error: str | None
) -> None:
    expected = LemonDataFailException if error else OutputUnwritableError
    with pytest.raises(expected, match=error):
        keep(**{"poll_url": clip, **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"poll_url": "/v1/tasks/t", "video_url": "https://host/clip.mp4"},
        {"poll_url": "/v1/tasks/t", "if_exists": "maybe"},
        {"poll_url": "/v1/tasks/t", "max_bytes": 0},
        {"poll_url": "/v1/tasks/t", "max_bytes": "many"},
    ],
)
def test_operator_impossible_arguments_are_refused_when_the_dag_is_read(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        VideoToObjectStorageOperator(task_id="keep", path="/data/clip.mp4", **arguments)
