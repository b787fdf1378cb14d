"""A fake LemonData, a task state store in memory, and single tries of a submission with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx

from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.polling import Failed, PollAgain
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.operators.fingerprint import fingerprint
from lemondata_provider.operators.record import KEY, Options, Record
from lemondata_provider.operators.submission import Submission
from lemondata_provider.operators.submit_store import SubmitStore

REQUEST = VideoRequest.checked(model="sora-2", prompt="a cat")
TASK_INSTANCE = TaskInstanceKey("clips", "submit", "manual__1")


class SubmitService:
    """A fake LemonData: it counts the creates, and answers polls of its tasks."""

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
    """A task state store in memory."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        del self.values[key]


def record_in(store: Store, key: str = KEY) -> Record:
    record = Record.read(store.values[key])
    assert record is not None
    return record


class Hook(LemonDataHook):
    """A hook with a client of the service above."""

    def __init__(self, service: SubmitService) -> None:
        super().__init__()
        self.service = service

    def get_conn(self) -> Client:
        return Client("sk-0123456789", transport=httpx.MockTransport(self.service.handle))


DEFAULTS = Options()


def submission_of(
    service: SubmitService,
    store: Store,
    max_tries: int = 2,
    options: Options = DEFAULTS,
    record: Record | None = None,
    task_instance: TaskInstanceKey = TASK_INSTANCE,
) -> Submission:
    record = record or Record(fingerprint(REQUEST.body()), max_tries, deadline=4e9)
    kept = SubmitStore(store, sleep=lambda _: None)
    return Submission(Hook(service), [REQUEST], record, options, 5.0, kept, task_instance, sleep=lambda _: None)


def run_try(service: SubmitService, store: Store, max_tries: int, options: Options) -> str:
    """Run one try to its end, and return its outcome in words."""
    try:
        poller, result = submission_of(service, store, max_tries, options).submit_or_reattach()
    except LemonDataError as error:
        return "final" if error.final else "may be retried"
    if isinstance(result, PollAgain):
        return f"waiting for {poller.wait.task_id}"
    return "failed" if isinstance(result, Failed) else f"finished {poller.wait.task_id}"


STORED = Record(fingerprint(REQUEST.body()), 2, 4e9, answered=True, task_id="ldtask_0", poll_url="/v1/tasks/ldtask_0")


def run_later_try(
    max_tries: int, options: Options = DEFAULTS, **changes: Any
) -> tuple[SubmitService, dict[str, Any], str]:
    """Run a try that finds ``STORED``, and return the service, the store and the outcome."""
    service, store = SubmitService(), Store()
    service.failed = changes.pop("failed", set())
    store.values[KEY] = replace(STORED, **changes).to_json()
    end = run_try(service, store, max_tries, options)
    return service, store.values, end
