"""Every path of a submit through crashes, lost answers, retries and a clear: never paid twice, never lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import LemonDataError, RequestChangedError, SubmitUnknownError
from lemondata_provider.api.polling import Ended
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.record import KEY, Options, Record, fingerprint
from lemondata_provider.operators.submission import Submission
from lemondata_provider.triggers.cancelling import TaskInstanceKey

REQUEST = VideoRequest.checked(prompt="a cat")
WHOSE = TaskInstanceKey("clips", "submit", "manual__1")
OUTCOMES = ("answered", "lost", "refused", "refused for now", "never reached")


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Chooser:
    """Walks all combinations of choices, one path after the other."""

    path: list[list[int]] = field(default_factory=list)
    position: int = 0

    def choose(self, number: int) -> int:
        if self.position == len(self.path):
            self.path.append([0, number])
        self.position += 1
        return self.path[self.position - 1][0]

    def next_path(self) -> bool:
        while self.path and self.path[-1][0] + 1 == self.path[-1][1]:
            self.path.pop()
        if not self.path:
            return False
        self.path[-1][0] += 1
        self.position = 0
        return True


class Service:
    """LemonData as far as it matters here: what happened to each create, and the tasks that are paid for."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.creates: list[str] = []
        self.failed: set[str] = set()
        self.outcome: str | None = None

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            task_id = request.url.path.rpartition("/")[2]
            status = "failed" if task_id in self.failed else "completed"
            return httpx.Response(200, json={"id": task_id, "status": status, "video_url": "https://x.test/v.mp4"})
        if self.outcome is None:  # one for each try: what the client repeats by itself meets the same
            self.outcome = OUTCOMES[self.chooser.choose(len(OUTCOMES))]
        outcome = self.outcome
        if outcome == "never reached":
            raise httpx.ConnectError("refused", request=request)
        if outcome == "refused":
            return httpx.Response(400, json={"error": {"code": "invalid_request_error", "message": "no"}})
        if outcome == "refused for now":
            return httpx.Response(429, json={"error": {"code": "rate_limit_exceeded", "retry_after": 61}})
        self.creates.append(f"ldtask_{len(self.creates) + 1}")
        if outcome == "lost":
            raise httpx.ReadError("reset", request=request)
        return httpx.Response(200, json={"id": self.creates[-1], "status": "pending"})


class Store:
    """A store whose every write may be the last thing the process did, or the first that it did not do."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.values: dict[str, Any] = {}
        self.crashes = 0  # how many of the next writes may be the last

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self._write(lambda: self.values.__setitem__(key, value))

    def delete(self, key: str) -> None:
        self._write(lambda: self.values.pop(key, None))

    def _write(self, write: Callable[[], Any]) -> None:
        self.crashes -= 1
        when = self.chooser.choose(3) if self.crashes >= 0 else 0
        if when == 1:
            raise Crash
        write()
        if when == 2:
            raise Crash


class Hook(LemonDataHook):
    """A hook whose client talks to the service above, and does not sleep."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service
        self.now = 0.0

    def get_conn(self) -> Client:
        def give_up(seconds: float) -> None:
            self.now += seconds
            if self.now > 600:
                raise AssertionError("an endless wait")

        return Client("sk-0123456789", sleep=give_up, transport=httpx.MockTransport(self.service.handle))


def a_try(service: Service, store: Store, max_tries: int, options: Options) -> str:
    """Run one try to its end, and say what a person would see of it."""
    record = Record(fingerprint(REQUEST.body()), max_tries, deadline=4e9)
    submission = Submission(Hook(service), [REQUEST], record, options, 5.0, store, WHOSE, sleep=lambda _: None)
    try:
        wait, step = submission.begin()
    except Crash:
        return "crashed"
    except SubmitUnknownError:
        return "unknown"
    except LemonDataError as error:
        return "final" if error.final else "may be retried"
    if isinstance(step, Ended):
        return "failed" if step.error else f"finished {wait.task_id}"
    crashed = service.chooser.choose(2)  # while deferred, waiting or resuming
    return "crashed" if crashed else f"waiting for {wait.task_id}"


def paths(options: Options) -> Iterator[tuple[Service, Store, list[str]]]:
    """Yield the end of every path: up to three tries, and after the second perhaps a clear by a person."""
    chooser = Chooser()
    while True:
        service, store, seen = Service(chooser), Store(chooser), []
        max_tries = 2
        for number in range(3):
            if number == 2 and chooser.choose(2):
                max_tries = 5
                seen.append("cleared")
            store.crashes = 3 if number < 2 else 0
            service.outcome = None
            seen.append(a_try(service, store, max_tries, options))
            if seen[-1] in ("crashed", "may be retried") or seen[-1].startswith("waiting"):
                continue  # Airflow retries a task that died; one that waits may die too
            break
        yield service, store, seen
        if not chooser.next_path():
            return


def test_no_path_pays_twice_or_forgets_what_was_paid_for():
    explored = 0
    for service, store, seen in paths(Options()):
        explored += 1
        assert len(service.creates) <= 1, seen
        if not service.creates:
            continue
        last = seen[-1]
        # What is paid for ends as a task that is known, as an unknown that a person is asked about, or in a dead
        # process whose next try finds the intent or the task.
        assert last.startswith(("finished", "waiting")) or last in ("unknown", "crashed"), seen
        assert "lemondata_submit" in store.values, seen
    assert explored > 300


def test_only_the_users_word_submits_an_unknown_again():
    several = [seen for service, _, seen in paths(Options(on_unknown_submit="resubmit")) if len(service.creates) > 1]
    assert several


STORED = Record(fingerprint(REQUEST.body()), 2, 4e9, answered=True, task_id="ldtask_0", poll_url="/v1/tasks/ldtask_0")


def a_later_try(max_tries: int, options: Options = Options(), **changes: Any) -> tuple[Service, dict[str, Any], str]:  # noqa: B008 # it is frozen
    """Run a try that finds ``STORED``, and return what came of it."""
    chooser = Chooser()
    service, store = Service(chooser), Store(chooser)
    service.failed = changes.pop("failed", set())
    store.values[KEY] = replace(STORED, **changes).to_json()
    end = a_try(service, store, max_tries, options)
    return service, store.values, end


def test_a_retry_looks_at_the_task_that_is_paid_for():
    service, _, end = a_later_try(max_tries=2)
    assert (end, service.creates) == ("finished ldtask_0", [])


def test_a_retry_that_wants_something_else_fails_and_names_the_fields():
    service, store = Service(Chooser()), Store(Chooser())
    store.values[KEY] = replace(STORED, fingerprint={"model": "x", "seed": "y"}).to_json()
    record = replace(STORED, answered=False, task_id=None, poll_url=None)
    submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, WHOSE)
    with pytest.raises(RequestChangedError, match="model, prompt, seed changed") as refused:
        submission.begin()
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


@pytest.mark.parametrize("stored", [{}, [], "x", {"version": 2}, {**STORED.to_json(), "fingerprint": None}])
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

    service, store = Service(Chooser()), Outage(Chooser())
    assert a_try(service, store, 2, Options()).startswith("waiting")
    assert store.values[KEY]["task_id"] == "ldtask_1"


def test_where_the_intent_cannot_be_taken_back_the_reason_is_still_told():
    class Stuck(Store):
        def delete(self, key: str) -> None:
            raise RuntimeError("the API server is away")

    service = Service(Chooser([[OUTCOMES.index("refused"), 5]]))
    service.outcome = "refused"
    assert a_try(service, Stuck(Chooser()), 2, Options()) == "final"


def test_a_signal_between_answer_and_store_waits_until_the_id_is_stored():
    class Signalled(Store):
        def set(self, key: str, value: Any) -> None:
            if value["task_id"]:
                os.kill(os.getpid(), signal.SIGALRM)
            super().set(key, value)

    def too_late(*_: Any) -> None:
        raise AirflowTaskTimeout

    before = signal.signal(signal.SIGALRM, too_late)
    store = Signalled(Chooser())
    try:
        with pytest.raises(AirflowTaskTimeout):
            a_try(Service(Chooser()), store, 2, Options())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert store.values[KEY]["task_id"] == "ldtask_1"


def test_it_works_in_a_thread_too_where_no_signals_arrive():
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(a_try, Service(Chooser()), Store(Chooser()), 2, Options()).result(timeout=10)
    assert end.startswith("waiting")


def test_an_adopted_task_is_looked_at_and_its_wait_begins_anew():
    service, store = Service(Chooser()), Store(Chooser())
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
    service, store = Service(Chooser()), Store(Chooser())
    store.values[KEY] = replace(STORED, model="seedance-2.0").to_json()
    record = Record(STORED.fingerprint, 2, 4e9, model="veo3")
    submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, WHOSE)
    submission.begin()
    assert (service.creates, submission.record.model) == ([], "seedance-2.0")


@pytest.mark.parametrize("found", [True, False], ids=["by a later try", "at once"])
def test_a_lost_answer_names_the_key_and_the_commands_that_repair_it(found):
    service, store = Service(Chooser()), Store(Chooser())
    service.outcome = "lost"
    record = Record(STORED.fingerprint, 2, 4e9)
    whose = TaskInstanceKey("clips", "submit", "manual__1", 3)
    for _ in range(1 + found):
        submission = Submission(Hook(service), [REQUEST], record, Options(), 5.0, store, whose)
        with pytest.raises(SubmitUnknownError) as unknown:
            submission.begin()
    assert "'lemondata_submit' under Task instance > Storage" in str(unknown.value)
    assert "airflow lemondata adopt clips submit manual__1 --map-index 3 --video-task ID" in str(unknown.value)
    assert "airflow lemondata forget clips submit manual__1 --map-index 3" in str(unknown.value)
    assert len(service.creates) == 1
