"""What a new try does about what it finds in the store, and how a paid task gets into it."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import (
    InvalidRequestError,
    LemonDataError,
    RequestChangedError,
    SubmitUnknownError,
    TaskNotFoundError,
)
from lemondata_provider.api.polling import Failed, PollAgain, PollResult, TaskPoller
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.record import KEY, Options, Record, fingerprint
from lemondata_provider.operators.signals import deferred_signals
from lemondata_provider.operators.submission import Submission
from lemondata_provider.triggers.task_instance import TaskInstanceKey

REQUEST = VideoRequest.checked(model="sora-2", prompt="a cat")
WHOSE = TaskInstanceKey("clips", "submit", "manual__1")


class SubmitService:
    """LemonData as far as it matters here: what happens to each create, and the tasks that are paid for."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.loses = False
        self.creates: list[str] = []
        self.failed: set[str] = set()

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            task_id = request.url.path.rpartition("/")[2]
            status = "failed" if task_id in self.failed else "completed"
            return httpx.Response(200, json={"id": task_id, "status": status, "video_url": "https://x.test/v.mp4"})
        if self.refuses:
            return httpx.Response(400, json={"error": {"code": "invalid_request_error", "message": "no"}})
        self.creates.append(f"ldtask_{len(self.creates) + 1}")
        if self.loses:
            raise httpx.ReadError("reset", request=request)
        return httpx.Response(200, json={"id": self.creates[-1], "status": "pending"})


class Store:
    """A store that is there."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        del self.values[key]


class Hook(LemonDataHook):
    """A hook whose client talks to the service above."""

    def __init__(self, service: SubmitService) -> None:
        super().__init__()
        self.service = service

    def get_conn(self) -> Client:
        return Client("sk-0123456789", transport=httpx.MockTransport(self.service.handle))


DEFAULTS = Options()


def submission_of(service: SubmitService, store: Store, max_tries: int = 2, options: Options = DEFAULTS) -> Submission:
    record = Record(fingerprint(REQUEST.body()), max_tries, deadline=4e9)
    return Submission(Hook(service), [REQUEST], record, options, 5.0, store, WHOSE, sleep=lambda _: None)


def a_try(service: SubmitService, store: Store, max_tries: int, options: Options) -> str:
    """Run one try to its end, and say what a person would see of it."""
    try:
        poller, result = submission_of(service, store, max_tries, options).submit_or_reattach()
    except LemonDataError as error:
        return "final" if error.final else "may be retried"
    if isinstance(result, PollAgain):
        return f"waiting for {poller.wait.task_id}"
    return "failed" if isinstance(result, Failed) else f"finished {poller.wait.task_id}"


STORED = Record(fingerprint(REQUEST.body()), 2, 4e9, answered=True, task_id="ldtask_0", poll_url="/v1/tasks/ldtask_0")


def a_later_try(
    max_tries: int, options: Options = DEFAULTS, **changes: Any
) -> tuple[SubmitService, dict[str, Any], str]:
    """Run a try that finds ``STORED``, and return what came of it."""
    service, store = SubmitService(), Store()
    service.failed = changes.pop("failed", set())
    store.values[KEY] = replace(STORED, **changes).to_json()
    end = a_try(service, store, max_tries, options)
    return service, store.values, end


def test_a_retry_polls_the_task_that_is_paid_for():
    service, _, end = a_later_try(max_tries=2)
    assert (end, service.creates) == ("finished ldtask_0", [])


def test_a_retry_that_wants_something_else_fails_and_names_the_fields():
    service, store = SubmitService(), Store()
    store.values[KEY] = replace(STORED, fingerprint={"model": "x", "seed": "y"}).to_json()
    record = replace(STORED, answered=False, task_id=None, poll_url=None)
    submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, WHOSE)
    with pytest.raises(RequestChangedError, match="model, prompt, seed changed") as refused:
        submission.submit_or_reattach()
    assert refused.value.poll_url == "/v1/tasks/ldtask_0"
    assert service.creates == []


def test_a_clear_reuses_the_video_that_is_there_and_renews_the_record():
    service, values, end = a_later_try(max_tries=5)
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
def test_a_clear_submits_anew_and_keeps_the_old_record(options, changes):
    service, values, _ = a_later_try(5, options, **changes)
    assert service.creates == ["ldtask_1"]
    assert values["lemondata_submit_before_ldtask_0"]["task_id"] == "ldtask_0"
    assert values[KEY]["task_id"] == "ldtask_1"


def test_a_failed_generation_is_final_unless_the_user_wants_it_anew():
    assert a_later_try(2, failed={"ldtask_0"})[2] == "failed"
    service, _, _ = a_later_try(2, Options(resubmit_failed=True), failed={"ldtask_0"})
    assert service.creates == ["ldtask_1"]


CHANGES = {"fingerprint": None, "task_id": 7, "deadline": "soon", "answered": "false", "max_tries": None}
SPOILED = [{**STORED.to_json(), name: value} for name, value in CHANGES.items()]


@pytest.mark.parametrize("stored", [{}, [], "x", {"version": 2}, *SPOILED])
def test_a_record_that_cannot_be_read_is_never_taken_for_nothing(stored):
    with pytest.raises(SubmitUnknownError, match="under Task instance > Storage"):
        Record.read(stored)


def test_signed_links_of_the_same_media_have_the_same_fingerprint():
    first, second = (
        fingerprint({"image_url": f"https://x.test/a.png?sig={n}", "deep": [{"u": f"http://x.test/b?{n}"}]})
        for n in (1, 2)
    )
    assert first == second
    assert first != fingerprint({"image_url": "https://x.test/c.png", "deep": []})


def test_the_id_is_stored_through_an_outage_of_the_store():
    class Outage(Store):
        refusals = 3

        def set(self, key: str, value: Any) -> None:
            if value["task_id"] and self.refusals:
                self.refusals -= 1
                raise RuntimeError("the API server is away")
            super().set(key, value)

    service, store = SubmitService(), Outage()
    assert a_try(service, store, 2, Options()).startswith("waiting")
    assert store.values[KEY]["task_id"] == "ldtask_1"


def test_where_the_intent_cannot_be_taken_back_the_reason_is_still_told():
    class Stuck(Store):
        def delete(self, key: str) -> None:
            raise RuntimeError("the API server is away")

    assert a_try(SubmitService(refuses=True), Stuck(), 2, Options()) == "final"


def test_a_signal_between_answer_and_store_waits_until_the_id_is_stored():
    class Signalled(Store):
        def set(self, key: str, value: Any) -> None:
            if value["task_id"]:
                os.kill(os.getpid(), signal.SIGALRM)
            super().set(key, value)

    def too_late(*_: Any) -> None:
        raise AirflowTaskTimeout

    before = signal.signal(signal.SIGALRM, too_late)
    store = Signalled()
    try:
        with pytest.raises(AirflowTaskTimeout):
            a_try(SubmitService(), store, 2, Options())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert store.values[KEY]["task_id"] == "ldtask_1"


def test_it_works_in_a_thread_too_where_no_signals_arrive():
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(a_try, SubmitService(), Store(), 2, Options()).result(timeout=10)
    assert end.startswith("waiting")


def test_an_adopted_task_is_polled_and_its_wait_begins_anew():
    service, store = SubmitService(), Store()
    intent = replace(STORED, fingerprint={"prompt": "x"}, deadline=1.0, answered=False, task_id=None, poll_url=None)
    store.values[KEY] = {**intent.to_json(), "task_id": "ldtask_7"}  # all that a person has to fill in
    assert a_try(service, store, 5, Options(on_clear="regenerate")) == "finished ldtask_7"
    assert service.creates == []
    kept = Record.read(store.values[KEY])
    assert (kept.answered, kept.max_tries, kept.deadline, kept.fingerprint) == (True, 5, 4e9, STORED.fingerprint)


def test_a_generation_that_is_submitted_anew_has_the_whole_time_again():
    _, values, _ = a_later_try(2, Options(resubmit_failed=True), failed={"ldtask_0"}, deadline=1.0)
    assert values[KEY]["deadline"] == 4e9


def test_a_retry_keeps_the_deadline_and_a_clear_renews_it():
    assert a_later_try(2, deadline=3e9)[1][KEY]["deadline"] == 3e9
    assert a_later_try(5, deadline=3e9)[1][KEY]["deadline"] == 4e9


def test_the_model_that_was_really_used_is_stored_and_another_one_on_a_retry_is_no_other_request():
    service, store = SubmitService(), Store()
    store.values[KEY] = replace(STORED, model="seedance-2.0").to_json()
    record = Record(STORED.fingerprint, 2, 4e9, model="veo3")
    submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, WHOSE)
    submission.submit_or_reattach()
    assert (service.creates, submission.record.model) == ([], "seedance-2.0")


@pytest.mark.parametrize("found", [True, False], ids=["by a later try", "at once"])
def test_a_lost_answer_names_the_key_and_the_commands_that_repair_it(found):
    service, store = SubmitService(), Store()
    service.loses = True
    record = Record(STORED.fingerprint, 2, 4e9)
    whose = TaskInstanceKey("clips", "submit", "manual__1", 3)
    for _ in range(1 + found):
        submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, whose)
        with pytest.raises(SubmitUnknownError) as unknown:
            submission.submit_or_reattach()
    assert "'lemondata_submit' under Task instance > Storage" in str(unknown.value)
    assert "airflow lemondata adopt clips submit manual__1 --map-index 3 --lemondata-task-id ID" in str(unknown.value)
    assert "airflow lemondata forget clips submit manual__1 --map-index 3" in str(unknown.value)
    assert len(service.creates) == 1


def test_a_resubmit_that_is_refused_leaves_what_is_known_of_the_unknown_submit_before():
    service, store = SubmitService(), Store()
    service.loses = True
    for service.refuses in (False, True):
        submission = submission_of(service, store, options=Options(on_unknown_submit="resubmit"))
        with pytest.raises(LemonDataError):
            submission.submit_or_reattach()
    assert len(service.creates) == 1
    assert Record.read(store.values[KEY]).is_intent


def test_a_resubmit_that_is_accepted_keeps_the_record_of_the_unknown_submit_before():
    service, store = SubmitService(), Store()
    for service.loses in (True, False):
        submission = submission_of(service, store, options=Options(on_unknown_submit="resubmit"))
        with suppress(SubmitUnknownError):
            submission.submit_or_reattach()
    assert store.values[KEY]["task_id"] == "ldtask_2"
    assert Record.read(store.values["lemondata_submit_before_unknown"]).is_intent


@pytest.mark.parametrize(("word", "final"), [("fail", True), ("resubmit", False)])
def test_a_lost_answer_is_final_unless_a_retry_is_to_submit_it_again(word, final):
    service = SubmitService()
    service.loses = True
    with pytest.raises(SubmitUnknownError) as unknown:
        submission_of(service, Store(), options=Options(on_unknown_submit=word)).submit_or_reattach()
    assert unknown.value.final is final
    assert ("a retry submits it again" in str(unknown.value)) is not final


def test_a_clear_is_still_one_for_the_next_try_when_the_first_dies_before_its_poll():
    class Dying(SubmitService):
        def handle(self, request: httpx.Request) -> httpx.Response:
            raise KeyboardInterrupt

    store = Store()
    store.values[KEY] = STORED.to_json()
    with pytest.raises(KeyboardInterrupt):
        submission_of(Dying(), store, max_tries=5).submit_or_reattach()
    assert store.values[KEY]["max_tries"] == STORED.max_tries


@pytest.mark.parametrize("stored", [None, STORED], ids=["nothing", "a task"])
def test_the_check_comes_before_a_submit_and_never_between_a_retry_and_its_task(stored):
    def refuse() -> None:
        raise InvalidRequestError("sora-2 cannot do that")

    service, store = SubmitService(), Store()
    if stored:
        store.values[KEY] = stored.to_json()
    record = Record(STORED.fingerprint, 2, 4e9)
    submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, WHOSE, check=refuse)
    if stored:
        assert submission.submit_or_reattach()[0].wait.task_id == "ldtask_0"
    else:
        with pytest.raises(InvalidRequestError, match="cannot do that"):
            submission.submit_or_reattach()
        assert store.values == {}
    assert service.creates == []


def test_an_adopted_task_that_lemondata_does_not_know_can_still_be_put_right():
    class Unknown(Hook):
        def poll(self, poller: TaskPoller) -> PollResult:
            return Failed(TaskNotFoundError("404", task_id=poller.wait.task_id))

    store = Store()
    store.values[KEY] = replace(STORED, answered=False, task_id="ldtask_slip", poll_url=None, deadline=1.0).to_json()
    submission = submission_of(SubmitService(), store, max_tries=5)
    submission.hook = Unknown(SubmitService())
    submission.submit_or_reattach()
    assert store.values[KEY]["answered"] is False


def test_an_intent_that_may_have_been_stored_in_vain_is_taken_back():
    class Flaky(Store):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            raise RuntimeError("the API server did not answer")

    service, store = SubmitService(), Flaky()
    with pytest.raises(RuntimeError):
        submission_of(service, store).submit_or_reattach()
    assert (store.values, service.creates) == ({}, [])


def test_only_links_lose_their_query_in_the_fingerprint():
    one, other = (fingerprint({"prompt": f"https://brand.example/style? a {animal}"}) for animal in ("cat", "dog"))
    assert one != other
    assert fingerprint({"prompt": "https://[draft] a cat", "newer_url": "https://[draft]?x"})


def test_both_signals_that_were_held_back_arrive_and_the_one_that_raises_is_the_last():
    arrived: list[int] = []

    def too_late(number: int, _: Any) -> None:
        arrived.append(number)
        raise AirflowTaskTimeout

    @deferred_signals()
    def held_back() -> None:
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGALRM, too_late), signal.signal(signal.SIGTERM, lambda n, _: arrived.append(n))
    try:
        with pytest.raises(AirflowTaskTimeout):
            held_back()
    finally:
        signal.signal(signal.SIGALRM, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert arrived == [signal.SIGTERM, signal.SIGALRM]


def test_the_task_that_is_replaced_is_cancelled_only_when_another_one_may_be_submitted():
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
