"""The test kit for users: one task runs to its end, without a scheduler, a triggerer or a database."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseOperator, Param, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSensorTimeout, ParamValidationError, TaskDeferralError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.version_compat import has_task_state_store
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.testing import RunContext, run
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator


@pytest.fixture(autouse=True)
def sandbox(lemondata_connection: Any) -> Any:
    """Use the fixture that users use."""
    return lemondata_connection


def submit(task_id: str = "clip", **fields: Any) -> SubmitVideoOperator:
    return SubmitVideoOperator(task_id=task_id, **{"model": "sora-2", "prompt": "A cat.", **fields})


@pytest.fixture
def dag() -> Any:
    """Return a DAG whose tasks are made in the test."""
    with DAG("clips", schedule=None, params={"prompt": Param("A cat.", type="string")}) as made:
        yield made


class TwiceTrigger(BaseTrigger):
    """Send its number, or nothing at all."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.TwiceTrigger", {"number": self.number}

    async def run(self) -> Any:
        if self.number < 3:
            yield TriggerEvent(self.number)


class TwiceOperator(BaseOperator):
    """Defer, defer again, and return all events."""

    first = 1

    def execute(self, context: Any) -> None:
        self.defer(trigger=TwiceTrigger(self.first), method_name="resume", kwargs={"events": []})

    def resume(self, context: Any, event: int, events: list[int]) -> list[int]:
        if event < 2:
            self.defer(trigger=TwiceTrigger(2), method_name="resume", kwargs={"events": [event]})
        return [*events, event]


@pytest.mark.parametrize("deferrable", [True, False])
def test_run_operator_returns_the_result_and_its_xcoms(dag, sandbox, deferrable):
    context = RunContext()
    result = run(submit(wait_for_completion=True, deferrable=deferrable), context=context)
    assert (result["status"], len(sandbox.ledger.creates)) == ("completed", 1)
    pushed = context.xcoms["clip"]
    assert pushed["return_value"] == result
    assert pushed["video_url"] == result["video_url"]
    assert pushed["lemondata_video"]["state"] == "completed"


def test_run_without_a_dag_works():
    assert run(submit(wait_for_completion=True))["status"] == "completed"


@pytest.mark.parametrize("mode", [{}, {"deferrable": False}, {"deferrable": False, "mode": "reschedule"}])
def test_run_chain_of_submit_sensor_and_transfer_stores_the_video(dag, sandbox, tmp_path, mode):
    clip = submit()
    wait = TaskSensor(task_id="wait", poll_url=clip.output, **mode)
    keep = VideoToObjectStorageOperator(task_id="keep", poll_url=wait.output, path=f"{tmp_path}/{{{{ ds }}}}.mp4")
    context = RunContext(ds="2026-03-01")
    for operator in (clip, wait, keep):
        run(operator, context=context)
    assert (tmp_path / "2026-03-01.mp4").is_file()
    assert len(sandbox.ledger.creates) == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_run_decorated_function_renders_params_and_knows_its_context(dag, sandbox, deferrable):
    @task.lemondata_video(model="sora-2", wait_for_completion=True, deferrable=deferrable)
    def clip(subject: str) -> str:
        return f"{subject} {get_current_context()['ds_nodash']}"

    result = run(clip("{{ params.prompt }}"), ds="2026-03-01", params={"prompt": "A dog."})
    assert (result["status"], sandbox.ledger.creates[0].body["prompt"]) == ("completed", "A dog. 20260301")


def test_run_params_change_nothing_for_the_next_run(dag, sandbox):
    clip = submit(prompt="{{ params.prompt }}")
    run(clip, params={"prompt": "A dog."})
    run(clip)
    assert [create.body["prompt"] for create in sandbox.ledger.creates] == ["A dog.", "A cat."]
    assert vars(clip)["prompt"] == "{{ params.prompt }}"
    with pytest.raises(ParamValidationError):
        run(clip, params={"prompt": 5})


def test_run_mapped_task_runs_the_instance_of_its_index(dag, sandbox):
    mapped = SubmitVideoOperator.partial(task_id="clip", model="sora-2", user="{{ params.prompt }}").expand(
        prompt=["A cat.", "A dog."]
    )
    with pytest.raises(TypeError, match="map_index"):
        run(mapped)
    context = RunContext(params={"prompt": "me"})
    run(mapped, context=context, map_index=1)
    run(mapped, map_index=0)
    bodies = [create.body for create in sandbox.ledger.creates]
    assert [(body["prompt"], body["user"]) for body in bodies] == [("A dog.", "me"), ("A cat.", "A cat.")]
    assert context.xcoms["clip", 1]["return_value"]["task_id"] == sandbox.ledger.creates[0].id


def test_run_mapped_task_group_takes_the_xcom_of_its_own_instance(dag, sandbox):
    @task_group
    def clips(prompt: str) -> None:
        clip = submit(prompt=prompt)
        TaskSensor(task_id="wait", poll_url=clip.output)

    clips.expand(prompt=["A cat.", "A dog."])
    context = RunContext()
    run(dag.get_task("clips.clip"), context=context, map_index=1)
    result = run(dag.get_task("clips.wait"), context=context, map_index=1)
    assert sandbox.ledger.creates[0].body["prompt"] == "A dog."
    assert result["task_id"] == sandbox.ledger.creates[0].id


def test_run_failed_generation_raises_as_in_airflow(dag, sandbox):
    with pytest.raises(LemonDataFailException, match="out of paper"):
        run(submit(prompt="[fail:out of paper]", wait_for_completion=True))
    clip = submit("later", prompt="[fail:out of paper]")
    context = RunContext()
    run(clip, context=context)
    with pytest.raises(LemonDataFailException, match="out of paper"):
        run(TaskSensor(task_id="wait", poll_url=clip.output), context=context)


def test_run_timeouts_of_a_sensor_and_of_run_are_raised(dag):
    context = RunContext()
    clip = submit(prompt="[forever]")
    run(clip, context=context)
    with pytest.raises(AirflowSensorTimeout):
        run(TaskSensor(task_id="wait", poll_url=clip.output, timeout=0.2), context=context)
    with pytest.raises(TimeoutError, match=r"wait2 sent no event within 0\.2 s"):
        run(TaskSensor(task_id="wait2", poll_url=clip.output), context=context, timeout=0.2)


def test_run_again_with_the_same_context_is_the_next_try(dag):
    context = RunContext()
    clip = submit()
    first = run(clip, context=context)
    second = run(clip, context=context)
    assert context.tries["clip"] == 2
    assert (first["task_id"] == second["task_id"]) is has_task_state_store()


def test_run_again_the_xcoms_of_the_try_before_are_gone(dag, tmp_path):
    clip, context = submit(output_path=str(tmp_path / "clip.mp4")), RunContext()
    run(clip, context=context)
    assert "video_url" in context.xcoms["clip"]
    assert run(clip, context=context)["skipped"]
    assert "video_url" not in context.xcoms["clip"]  # a file that is there has no link


def test_run_operator_that_defers_again_resumes_each_time():
    assert run(TwiceOperator(task_id="twice")) == [1, 2]


@pytest.mark.parametrize("poll_interval", [None, timedelta(seconds=1), "5"])
def test_run_operator_of_another_package_keeps_a_poll_interval_that_is_no_number(poll_interval):
    class Other(BaseOperator):
        poll_interval: Any

        def execute(self, context: Any) -> None:
            assert self.poll_interval == poll_interval

    operator = Other(task_id="other")
    operator.poll_interval = poll_interval
    run(operator)


@pytest.mark.parametrize("own", [3.0, float])
def test_run_operator_of_another_package_keeps_what_it_calls_sleep(own):
    class Sleeper(BaseOperator):
        sleep = new_downloader = own

        def execute(self, context: Any) -> Any:
            return [self.sleep is own, self.new_downloader is own]

    assert run(Sleeper(task_id="sleeper")) == [True, True]


def test_run_submit_pauses_briefly_unless_the_test_says_how():
    class Shown(SubmitVideoOperator):
        def execute(self, context: Any) -> Any:
            return {"sleep": self.sleep}

    def own(seconds: float) -> None:
        """Pause not at all."""

    operator = Shown(task_id="clip", model="sora-2", prompt="A cat.")
    begun = time.monotonic()
    run(operator)["sleep"](60)
    assert time.monotonic() - begun < 30
    operator.sleep = own
    assert run(operator)["sleep"] is own


def test_run_transfer_pauses_briefly_between_its_attempts(tmp_path):
    class Shown(VideoToObjectStorageOperator):
        def execute(self, context: Any) -> Any:
            return {"downloader": self.new_downloader()}

    with run(Shown(task_id="keep", poll_url="/v1/tasks/t", path=f"{tmp_path}/clip.mp4"))["downloader"] as downloader:
        begun = time.monotonic()
        downloader.sleep(60)
    assert time.monotonic() - begun < 30


def test_run_trigger_without_an_event_fails_the_task():
    silent = TwiceOperator(task_id="silent")
    silent.first = 3
    with pytest.raises(TaskDeferralError, match="silent ended without an event"):
        run(silent)


def test_run_fills_outlet_events(dag, tmp_path):
    clips, context = Asset("clips"), RunContext()
    result = run(submit(output_path=f"{tmp_path}/clip.mp4", outlets=[clips]), context=context)
    assert context["outlet_events"][clips].extra["sha256"] == result["outputs"][0]["sha256"]


def test_run_plain_task_pushes_its_return_value(dag, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_ANIMAL", "dog")

    @task
    def prompt(animal: str) -> str:
        return f"A {animal}."

    context = RunContext()
    run(prompt("{{ var.value.animal }}"), context=context)
    assert context.xcoms["prompt"] == {"return_value": "A dog."}


def test_run_values_beside_a_context_are_refused():
    with pytest.raises(TypeError, match="ds"):
        run(submit(), context=RunContext(), ds="2026-03-01")


def test_run_context_knows_the_dates_of_its_run():
    context = RunContext(ds="2026-03-01", partition_key="a")
    assert (context["run_id"], context["ts_nodash"]) == ("manual__2026-03-01T00:00:00+00:00", "20260301T000000")
    assert context["data_interval_end"].date() == date(2026, 3, 2)
    assert context["partition_key"] == "a"
