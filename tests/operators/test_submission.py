"""What a new try does with the record that it finds, and how a paid task gets into the store."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from lemondata_provider.api.errors import (
    InvalidRequestError,
    LemonDataError,
    RequestChangedError,
    SubmitUnknownError,
    TaskNotFoundError,
)
from lemondata_provider.api.polling import Failed, PollResult, TaskPoller
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.operators.record import KEY, Options, Record
from tests.operators.doubles import (
    STORED,
    Hook,
    Store,
    SubmitService,
    record_in,
    run_later_try,
    run_try,
    submission_of,
)


def test_submit_or_reattach_retry_polls_the_paid_task():
    service, _, end = run_later_try(max_tries=2)
    assert (end, service.creates) == ("finished ldtask_0", [])


def test_submit_or_reattach_retry_with_changed_request_raises_and_names_the_fields():
    service, store = SubmitService(), Store()
    store.values[KEY] = replace(STORED, fingerprint={"model": "x", "seed": "y"}).to_json()
    with pytest.raises(RequestChangedError, match="model, prompt, seed changed") as refused:
        submission_of(service, store).submit_or_reattach()
    assert refused.value.poll_url == "/v1/tasks/ldtask_0"
    assert service.creates == []


def test_submit_or_reattach_clear_reuses_the_completed_task_and_updates_the_record():
    service, values, end = run_later_try(max_tries=5)
    assert (end, service.creates) == ("finished ldtask_0", [])
    assert values[KEY]["max_tries"] == 5


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (Options(on_clear="regenerate"), {}),
        (Options(), {"fingerprint": {"prompt": "another one"}}),
        (Options(), {"failed": {"ldtask_0"}}),
    ],
    ids=["regenerate", "another request", "the video is not there"],
)
def test_submit_or_reattach_clear_without_a_reusable_task_submits_and_keeps_the_old_record(options, changes):
    service, values, _ = run_later_try(5, options, **changes)
    assert service.creates == ["ldtask_1"]
    assert values["lemondata_submit_before_ldtask_0"]["task_id"] == "ldtask_0"
    assert values[KEY]["task_id"] == "ldtask_1"


def test_resubmit_failed_retry_of_a_failed_task_fails_or_submits_another():
    assert run_later_try(2, failed={"ldtask_0"})[2] == "failed"
    service, _, _ = run_later_try(2, Options(resubmit_failed=True), failed={"ldtask_0"})
    assert service.creates == ["ldtask_1"]


def test_store_task_outage_of_the_store_is_retried():
    class Outage(Store):
        refusals = 3

        def set(self, key: str, value: Any) -> None:
            if value["task_id"] and self.refusals:
                self.refusals -= 1
                raise RuntimeError("the API server is away")
            super().set(key, value)

    service, store = SubmitService(), Outage()
    assert run_try(service, store, 2, Options()).startswith("waiting")
    assert store.values[KEY]["task_id"] == "ldtask_1"


def test_clear_intent_store_fails_still_raises_the_refusal():
    class Stuck(Store):
        def delete(self, key: str) -> None:
            raise RuntimeError("the API server is away")

    assert run_try(SubmitService(refuses=True), Stuck(), 2, Options()) == "final"


def test_submit_or_reattach_adopted_task_is_polled_with_a_new_deadline():
    service, store = SubmitService(), Store()
    intent = replace(STORED, fingerprint={"prompt": "x"}, deadline=1.0, answered=False, task_id=None, poll_url=None)
    store.values[KEY] = {**intent.to_json(), "task_id": "ldtask_7"}  # all that a user has to fill in
    assert run_try(service, store, 5, Options(on_clear="regenerate")) == "finished ldtask_7"
    assert service.creates == []
    kept = record_in(store)
    assert (kept.answered, kept.max_tries, kept.deadline, kept.fingerprint) == (True, 5, 4e9, STORED.fingerprint)


def test_resubmit_failed_second_task_has_a_new_deadline():
    _, values, _ = run_later_try(2, Options(resubmit_failed=True), failed={"ldtask_0"}, deadline=1.0)
    assert values[KEY]["deadline"] == 4e9


def test_deadline_retry_keeps_it_and_clear_renews_it():
    assert run_later_try(2, deadline=3e9)[1][KEY]["deadline"] == 3e9
    assert run_later_try(5, deadline=3e9)[1][KEY]["deadline"] == 4e9


def test_submit_or_reattach_retry_with_another_model_keeps_the_used_model():
    service, store = SubmitService(), Store()
    store.values[KEY] = replace(STORED, model="seedance-2.0").to_json()
    submission = submission_of(service, store, record=Record(STORED.fingerprint, 2, 4e9, model="veo3"))
    submission.submit_or_reattach()
    assert (service.creates, submission.record.model) == ([], "seedance-2.0")


@pytest.mark.parametrize("later", [True, False], ids=["by a later try", "at once"])
def test_submit_or_reattach_lost_answer_raises_with_store_key_and_commands(later):
    service, store = SubmitService(), Store()
    service.loses = True
    task_instance = TaskInstanceKey("clips", "submit", "manual__1", 3)
    for _ in range(1 + later):
        with pytest.raises(SubmitUnknownError) as unknown:
            submission_of(service, store, task_instance=task_instance).submit_or_reattach()
    assert "'lemondata_submit' under Task instance > Storage" in str(unknown.value)
    lines = str(unknown.value).splitlines()  # each command can be copied as a line
    assert "    airflow lemondata adopt clips submit manual__1 --map-index 3 --lemondata-task-id ID" in lines
    assert "    airflow lemondata forget clips submit manual__1 --map-index 3" in lines
    assert len(service.creates) == 1


def test_on_unknown_submit_resubmit_refused_keeps_the_intent():
    service, store = SubmitService(), Store()
    service.loses = True
    for service.refuses in (False, True):
        submission = submission_of(service, store, options=Options(on_unknown_submit="resubmit"))
        with pytest.raises(LemonDataError):
            submission.submit_or_reattach()
    assert len(service.creates) == 1
    assert record_in(store).is_intent


def test_on_unknown_submit_resubmit_accepted_keeps_a_copy_of_the_intent():
    service, store = SubmitService(), Store()
    for service.loses in (True, False):
        submission = submission_of(service, store, options=Options(on_unknown_submit="resubmit"))
        with suppress(SubmitUnknownError):
            submission.submit_or_reattach()
    assert store.values[KEY]["task_id"] == "ldtask_2"
    assert record_in(store, "lemondata_submit_before_unknown").is_intent


@pytest.mark.parametrize(("word", "final"), [("fail", True), ("resubmit", False)])
def test_on_unknown_submit_lost_answer_is_final_unless_resubmit(word, final):
    service = SubmitService()
    service.loses = True
    with pytest.raises(SubmitUnknownError) as unknown:
        submission_of(service, Store(), options=Options(on_unknown_submit=word)).submit_or_reattach()
    assert unknown.value.final is final
    assert ("a retry submits it again" in str(unknown.value)) is not final


def test_submit_or_reattach_killed_before_the_first_poll_of_a_clear_leaves_the_record():
    class Dying(SubmitService):
        def handle(self, request: httpx.Request) -> httpx.Response:
            raise KeyboardInterrupt

    store = Store()
    store.values[KEY] = STORED.to_json()
    with pytest.raises(KeyboardInterrupt):
        submission_of(Dying(), store, max_tries=5).submit_or_reattach()
    assert store.values[KEY]["max_tries"] == STORED.max_tries


@pytest.mark.parametrize("stored", [None, STORED], ids=["nothing", "a task"])
def test_check_refuses_raises_before_a_submit_and_is_not_called_on_a_retry(stored):
    def refuse() -> None:
        raise InvalidRequestError("sora-2 cannot do that")

    service, store = SubmitService(), Store()
    if stored:
        store.values[KEY] = stored.to_json()
    submission = submission_of(service, store)
    submission.check = refuse
    if stored:
        assert submission.submit_or_reattach()[0].wait.task_id == "ldtask_0"
    else:
        with pytest.raises(InvalidRequestError, match="cannot do that"):
            submission.submit_or_reattach()
        assert store.values == {}
    assert service.creates == []


def test_submit_or_reattach_adopted_task_not_found_stays_unanswered():
    class Unknown(Hook):
        def poll(self, poller: TaskPoller) -> PollResult:
            return Failed(TaskNotFoundError("404", task_id=poller.wait.task_id))

    store = Store()
    store.values[KEY] = replace(STORED, answered=False, task_id="ldtask_slip", poll_url=None, deadline=1.0).to_json()
    submission = submission_of(SubmitService(), store, max_tries=5)
    submission.hook = Unknown(SubmitService())
    submission.submit_or_reattach()
    assert store.values[KEY]["answered"] is False


def test_store_intent_store_fails_clears_the_intent():
    class Flaky(Store):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            raise RuntimeError("the API server did not answer")

    service, store = SubmitService(), Flaky()
    with pytest.raises(RuntimeError):
        submission_of(service, store).submit_or_reattach()
    assert (store.values, service.creates) == ({}, [])


def test_cancel_replaced_price_refused_does_not_touch_the_old_task():
    def refuse(_: VideoRequest) -> str:
        raise InvalidRequestError("it would cost too much")

    polled: list[str] = []

    class Watched(Hook):
        def poll(self, poller: TaskPoller) -> PollResult:
            polled.append(poller.wait.task_id)
            return super().poll(poller)

    store = Store()
    store.values[KEY] = STORED.to_json()
    submission = submission_of(SubmitService(), store, max_tries=5, options=Options(on_clear="regenerate"))
    submission.hook, submission.cancel_replaced, submission.price = Watched(SubmitService()), True, refuse
    with pytest.raises(InvalidRequestError):
        submission.submit_or_reattach()
    assert polled == []


@pytest.mark.parametrize("options", [Options(), Options(on_clear="regenerate")])
def test_submit_or_reattach_refused_after_a_clear_keeps_the_record_of_the_paid_task(options):
    service, store = SubmitService(refuses=True), Store()
    before = replace(STORED, fingerprint={"prompt": "of another request"}).to_json()
    store.values[KEY] = before
    assert run_try(service, store, 5, options) == "final"
    assert store.values[KEY] == before
    assert service.creates == []


def test_submit_or_reattach_clear_with_the_first_request_after_a_refused_one_pays_nothing():
    service, store = SubmitService(refuses=True), Store()
    store.values[KEY] = STORED.to_json()
    other = replace(STORED, fingerprint={"prompt": "of another request"}, max_tries=5, answered=False, task_id=None)
    with pytest.raises(LemonDataError):
        submission_of(service, store, record=other).submit_or_reattach()
    service.refuses = False
    assert run_try(service, store, 8, Options()) == "finished ldtask_0"
    assert service.creates == []
