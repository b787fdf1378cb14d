"""The submit with ``output_path``: what is there before anything is paid, and what is stored afterwards."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskDeferred

from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import InvalidRequestError, LemonDataError, LinkEndedError, OutputTakenError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.output import OutputFile
from lemondata_provider.operators.record import KEY
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.testing import run
from tests.operators.helpers import creates, finished, rendered
from tests.operators.helpers import submit_to as submit

CLIP = "clip.mp4"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the video goes."""
    return tmp_path / CLIP


def is_video_of(sandbox: Any, result: dict[str, Any], path: Path) -> bool:
    return path.read_bytes() == bytes(sandbox.service.video(result["task_id"]).read_bytes())


def clear(context: dict[str, Any]) -> None:
    """Clear the task instance, as far as an operator sees of it."""
    context["ti"].max_tries += 3
    context["ti"].try_number += 1


def test_execute_file_of_another_task_came_meanwhile_says_that_both_are_paid_for(sandbox, context, path, caplog):
    slower = submit(path)

    def new_downloader() -> Downloader:
        run(submit(path))  # a whole other task, after the check and the submit of this one
        return Downloader()

    slower.new_downloader = new_downloader
    with caplog.at_level(logging.INFO):
        result = slower.execute(context)
    assert creates(sandbox) == 2
    assert not result["skipped"]
    assert f"Task {result['task_id']} is paid for all the same" in caplog.text
    assert "nothing paid" not in caplog.text


def test_execute_output_path_stores_the_video_and_names_it_in_the_result(sandbox, context, path, caplog):
    with caplog.at_level(logging.INFO):
        result = submit(path).execute(context)
    assert is_video_of(sandbox, result, path)
    assert result["output_uri"] == context["ti"].xcoms["output_uri"] == f"file://{path}"
    assert (result["outputs"][0]["duration"], result["skipped"]) == (4.0, False)
    assert result["generation_seconds"] >= 0
    assert json.loads(Path(f"{path}.json").read_text())["task_id"] == result["task_id"]


def test_execute_last_log_line_names_file_size_seconds_and_cost(sandbox, context, path, caplog):
    with caplog.at_level(logging.INFO, logger="lemondata_provider.operators"):
        result = submit(path).execute(context)
    (line,) = (line for line in caplog.messages if line.startswith("Stored"))
    for word in (
        f"file://{path}",
        f"{path.stat().st_size:,} bytes",
        "4 s of video",
        f"{result['estimated_cost_usd']} USD",
    ):
        assert word in line


def test_execute_deferred_stores_the_video_in_the_process_that_resumes(sandbox, context, path):
    with pytest.raises(TaskDeferred) as deferral:
        submit(path, deferrable=True).execute(context)
    kwargs = json.loads(json.dumps(deferral.value.kwargs))
    resumed = submit("/elsewhere/clip.mp4", deferrable=True)  # what a template rendered before counts
    result = resumed.execute_complete(context, event=finished(sandbox, kwargs["submitted"]), **kwargs)
    assert is_video_of(sandbox, result, path)
    assert "prompt" in json.loads(Path(f"{path}.json").read_text())["fingerprint"]


def test_execute_complete_without_arguments_stores_what_the_operator_names(sandbox, context, path):
    with pytest.raises(TaskDeferred) as deferral:
        submit(path, deferrable=True).execute(context)
    event = finished(sandbox, (deferral.value.kwargs or {})["submitted"])
    submit(path).execute_complete(context, event=event)
    assert path.exists()


def test_execute_second_run_submits_nothing_and_has_the_same_keys(sandbox, context, path):
    first = submit(path).execute(context)
    again = submit(path).execute(context)
    assert creates(sandbox) == 1
    assert (again["skipped"], again["video_url"]) == (True, None)
    assert again.keys() == first.keys()
    same = ("task_id", "model", "operation", "status", "output_uri", "outputs", "estimated_cost_usd")
    assert [again[name] for name in same] == [first[name] for name in same]


def test_execute_file_of_another_program_is_returned_with_a_warning(sandbox, context, path, caplog):
    path.write_bytes(b"not of us!")
    result = submit(path).execute(context)
    assert creates(sandbox) == 0
    assert (result["skipped"], result["task_id"], result["outputs"][0]["size"]) == (True, None, 10)
    assert "another program" in caplog.text


def test_execute_file_of_another_request_is_refused_before_paying(sandbox, context, path):
    submit(path).execute(context)
    with pytest.raises(LemonDataFailException, match=r"different: prompt.*Nothing was submitted") as failure:
        submit(path, prompt="a dog").execute(context)
    assert isinstance(failure.value.error, OutputTakenError)
    assert creates(sandbox) == 1


def test_execute_overwrite_submits_and_replaces_the_file(sandbox, context, path):
    path.write_bytes(b"another video")
    result = submit(path, if_exists="overwrite").execute(context)
    assert is_video_of(sandbox, result, path)


def test_execute_fail_refuses_a_file_that_is_there(sandbox, context, path):
    submit(path).execute(context)
    with pytest.raises(LemonDataFailException, match="holds the video of another request"):
        submit(path, if_exists="fail").execute(context)
    assert creates(sandbox) == 1


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("s3://nowhere@bucket/clip.mp4", "connection 'nowhere'"),
        ("/proc/version/clip.mp4", "cannot be written"),
    ],
)
def test_execute_path_that_cannot_be_written_is_found_before_paying(sandbox, context, target, reason):
    with pytest.raises(LemonDataError, match=rf"{reason}.*Nothing was submitted"):
        submit(target).execute(context)
    assert creates(sandbox) == 0


def test_execute_folder_at_the_path_fails_before_paying(sandbox, context, path):
    path.mkdir()
    with pytest.raises(LemonDataFailException, match="is a folder"):
        submit(path).execute(context)
    assert creates(sandbox) == 0


def test_execute_retry_after_a_broken_download_stores_the_paid_video(sandbox, context, path, task_state_store):
    sandbox.configure(link_seconds=0)
    with pytest.raises(LinkEndedError, match="is paid for; a retry stores it at no cost"):
        submit(path).execute(context)
    sandbox.configure(link_seconds=60)
    context["ti"].try_number = 2
    result = submit(path).execute(context)
    assert creates(sandbox) == 1
    assert is_video_of(sandbox, result, path)


def test_execute_retry_after_the_file_was_stored_asks_the_service_nothing(sandbox, context, path, task_state_store):
    submit(path).execute(context)
    before = len(sandbox.ledger.calls)
    context["ti"].try_number = 2
    assert submit(path).execute(context)["skipped"]
    assert len(sandbox.ledger.calls) == before


def test_execute_broken_download_without_a_store_fails_without_a_retry(sandbox, context, path):
    sandbox.configure(link_seconds=0)
    with pytest.raises(LemonDataFailException, match="No retry follows, since it would pay again") as failure:
        submit(path, durable=False).execute(context)
    assert failure.value.poll_url
    assert "at no cost" in str(failure.value)


@pytest.mark.parametrize("durable", [True, False])
def test_execute_timeout_in_a_download_is_retried_only_with_a_record(
    sandbox, context, path, task_state_store, durable, monkeypatch
):
    def timeout(*_: Any) -> None:
        raise AirflowTaskTimeout

    monkeypatch.setattr(OutputFile, "store", timeout)
    with pytest.raises(AirflowTaskTimeout if durable else LemonDataFailException) as raised:
        submit(path, durable=durable).execute(context)
    assert durable or "execution_timeout ended the download" in str(raised.value)


def test_execute_regenerate_replaces_its_own_file(sandbox, context, path, task_state_store):
    first = submit(path).execute(context)
    clear(context)
    second = submit(path, on_clear="regenerate").execute(context)
    assert second["task_id"] != first["task_id"]
    assert is_video_of(sandbox, second, path)


def test_execute_retry_of_a_regeneration_replaces_the_old_file_too(sandbox, context, path, task_state_store):
    first = submit(path).execute(context)
    clear(context)
    sandbox.configure(link_seconds=0)
    with pytest.raises(LinkEndedError):
        submit(path, on_clear="regenerate").execute(context)
    sandbox.configure(link_seconds=60)
    context["ti"].try_number += 1
    second = submit(path, on_clear="regenerate").execute(context)
    assert creates(sandbox) == 2
    assert second["task_id"] != first["task_id"]
    assert is_video_of(sandbox, second, path)


def test_execute_clear_with_reuse_returns_the_file(sandbox, context, path, task_state_store):
    first = submit(path).execute(context)
    clear(context)
    assert submit(path).execute(context)["outputs"] == first["outputs"]
    assert creates(sandbox) == 1


def test_execute_forgotten_task_with_its_file_is_a_success(sandbox, context, path, task_state_store):
    first = submit(path).execute(context)
    sandbox.configure(forget_after=0.001)
    clear(context)
    assert submit(path).execute(context)["task_id"] == first["task_id"]
    assert creates(sandbox) == 1


@pytest.mark.slow  # a poll 10 s later confirms that a task is gone
def test_execute_file_of_another_task_does_not_stand_for_the_own_paid_one(sandbox, context, path, task_state_store):
    """The record names a task: the file at the path counts only if it is that task's."""
    submit(path).execute(context)
    task_state_store[KEY] = {**task_state_store[KEY], "task_id": "ldtask_gone", "poll_url": "/v1/tasks/ldtask_gone"}
    context["ti"].try_number = 2
    with pytest.raises(LemonDataFailException, match="ldtask_gone"):
        submit(path).execute(context)


def test_execute_templates_and_object_storage_paths_are_rendered_and_kept_with_their_connection(sandbox, context):
    path = ObjectStoragePath("s3://aws_default@bucket/clip.mp4")
    fields: Any = {"model": "sora-2", "prompt": "a cat"}
    operator = SubmitVideoOperator(task_id="submit", output_path=path, **fields)
    assert operator.output_path == "s3://aws_default@bucket/clip.mp4"
    operator = SubmitVideoOperator(task_id="submit", output_path="s3://aws_default@bucket/{{ ds }}/", **fields)
    context["ti"].map_index = 3
    file = OutputFile.of(rendered(operator, ds="2026-01-01"), context)
    assert file is not None
    assert file.path == "s3://aws_default@bucket/2026-01-01/submit-3.mp4"


@pytest.mark.parametrize("path", ["clips/clip.mp4", "memory://b/clip.mp4", "s3://bucket"])
def test_init_literal_path_that_no_video_can_have_is_refused(path):
    with pytest.raises(InvalidRequestError, match="output_path: "):
        submit(path)


@pytest.mark.parametrize("path", ["{{ 'clips/clip.mp4' }}", "{{ 'memory://b/clip.mp4' }}"])
def test_execute_rendered_path_that_no_video_can_have_is_refused_before_paying(sandbox, context, path):
    with pytest.raises(LemonDataFailException, match="must be"):
        rendered(submit(path)).execute(context)
    assert creates(sandbox) == 0


def test_execute_file_as_input_is_sent_as_content_and_a_second_run_skips(sandbox, context, path, tmp_path):
    submit(path).execute(context)
    upscaled = tmp_path / "upscaled.mp4"
    fields = {"model": "topaz-video-upscale", "operation": "video-to-video", "video_url": str(path), "duration": None}
    context["ti"] = type(context["ti"])()
    result = submit(upscaled, **fields).execute(context)
    assert sandbox.ledger.creates[-1].body["video_url"].startswith("data:video/mp4;base64,")
    assert is_video_of(sandbox, result, upscaled)
    assert submit(upscaled, **fields).execute(context)["skipped"]
    assert creates(sandbox) == 2


def test_init_output_path_waits_for_completion():
    assert submit("/data/clip.mp4").wait_for_completion


@pytest.mark.parametrize(("template", "warns"), [("clip.mp4", True), ("clip-{{ ti.map_index }}.mp4", False)])
def test_execute_mapped_task_with_one_path_for_all_warns(sandbox, context, tmp_path, caplog, template, warns):
    context["ti"].map_index = 1
    rendered(submit(tmp_path / template), ti=context["ti"]).execute(context)
    assert ("may share the output_path" in caplog.text) is warns
