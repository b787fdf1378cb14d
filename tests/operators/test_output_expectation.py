"""The submit with ``expect``: the stored video is compared with what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk.exceptions import TaskDeferred

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import creates, finished
from tests.operators.helpers import submit_to as submit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the video goes."""
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize("expect", [{"duration": 9}, "request"])
def test_execute_file_that_is_not_as_expected_warns_or_fails_and_stays(sandbox, context, path, caplog, expect):
    fields = {"expect": expect, "resolution": "4k", "model": "veo3.1"}
    submit(path, **fields).execute(context)
    assert "is not what was asked for" in caplog.text
    with pytest.raises(LemonDataFailException, match="The file is kept"):
        submit(path, on_mismatch="fail", **fields).execute(context)
    assert path.exists()
    assert context["ti"].xcoms["output_uri"] == f"file://{path}"
    assert creates(sandbox) == 1


def test_execute_deferred_expectation_is_compared_by_the_process_that_resumes(sandbox, context, path, caplog):
    with pytest.raises(TaskDeferred) as deferral:
        submit(path, deferrable=True, expect="request", resolution="4k", model="veo3.1").execute(context)
    kwargs = json.loads(json.dumps(deferral.value.kwargs))
    resumed = submit(path, deferrable=True, expect="request")
    resumed.execute_complete(context, event=finished(sandbox, kwargs["submitted"]), **kwargs)
    assert "4k" in caplog.text


def test_init_expectation_that_cannot_be_right_is_refused():
    with pytest.raises(InvalidRequestError, match="expect"):
        submit("/data/clip.mp4", expect={"length": 4})
    with pytest.raises(InvalidRequestError, match="expect needs output_path"):
        SubmitVideoOperator(task_id="submit", model="sora-2", prompt="a cat", expect="request")
