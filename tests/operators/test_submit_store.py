"""What the task state store says of earlier submits, also when it lies once, and what a try may write there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lemondata_provider.operators.record import ENDED_KEY, KEY, Options, Record
from lemondata_provider.operators.submission import Submission
from lemondata_provider.operators.submit_store import AirflowTry, SubmitStore
from tests.operators.doubles import REQUEST, STORED, TASK_INSTANCE, Hook, Store, SubmitService, record_in

OTHER = {"prompt": "of another request"}


def submission(
    service: SubmitService, store: Store, number: int, fingerprint: dict[str, str] = STORED.fingerprint, **options: Any
) -> Submission:
    """Return the submission of a try after a clear, or of the first try."""
    current = AirflowTry(f"try-{number}", number)
    record = Record(fingerprint, number * 3, 4e9, try_id=current.id)
    kept = SubmitStore(store, current, sleep=lambda _: None)
    return Submission(Hook(service), [REQUEST], record, Options(**options), 5.0, kept, TASK_INSTANCE)


def submitted(*args: Any, **options: Any) -> str:
    poller, _ = submission(*args, **options).submit_or_reattach()
    return poller.wait.task_id


class LyingStore(Store):
    """A store that says "nothing" to the first read of each key."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__()
        self.values = values
        self.read: set[str] = set()

    def get(self, key: str) -> Any:
        value = self.values.get(key) if key in self.read else None
        self.read.add(key)
        return value


@pytest.mark.parametrize("lies", [False, True])
@pytest.mark.parametrize("path", ["ABA", "ABAB", "ABCA", "ABABAB", "ABCBA"])
def test_submit_or_reattach_clear_back_to_an_earlier_request_pays_for_each_request_once(path, lies):
    service, store = SubmitService(), Store()
    tasks: dict[str, set[str]] = {}
    for number, name in enumerate(path, start=1):
        seen: Any = LyingStore(store.values) if lies else store
        tasks.setdefault(name, set()).add(submitted(service, seen, number, {"prompt": name}))
    assert [len(ids) for ids in tasks.values()] == [1] * len(set(path))
    assert len(service.creates) == len(set(path))
    stored = str(store.values)
    assert all(task in stored for task in service.creates)


def test_submit_or_reattach_clear_back_with_regenerate_submits_again():
    service, store = SubmitService(), Store()
    for number, name in enumerate("ABA", start=1):
        submitted(service, store, number, {"prompt": name}, on_clear="regenerate")
    assert len(service.creates) == 3


def test_submit_or_reattach_clear_back_to_a_failed_task_submits_again():
    service, store = SubmitService(), Store()
    for number, name in enumerate("AB", start=1):
        submitted(service, store, number, {"prompt": name})
    service.failed = {"ldtask_1"}
    assert submitted(service, store, 3, {"prompt": "A"}) == "ldtask_3"


def test_submit_or_reattach_retry_of_a_lying_store_reattaches():
    service, store = SubmitService(), LyingStore({KEY: STORED.to_json()})
    assert submitted(service, store, 2) == "ldtask_0"
    assert service.creates == []


def test_find_earlier_unreadable_index_is_none():
    for broken in ("x", [7, None], {"a": 1}):
        store = Store()
        store.values[KEY + "_history"] = broken
        assert SubmitStore(store).find_earlier({}) is None


@pytest.mark.parametrize("writer", ["another try", None])
def test_take_back_intent_of_another_try_stays(writer):
    store = Store()
    store.values[KEY] = replace(STORED, task_id=None, try_id=writer).to_json()
    SubmitStore(store, AirflowTry("this try")).take_back(None)
    assert record_in(store).try_id == writer


def test_take_back_own_intent_goes():
    store = Store()
    store.values[KEY] = replace(STORED, task_id=None, try_id="this try").to_json()
    SubmitStore(store, AirflowTry("this try")).take_back(None)
    assert store.values == {}


@pytest.mark.parametrize(
    ("ended_with", "clear_number", "cleared"),
    [
        ("ldtask_0", 1, True),
        ("ldtask_0", 0, False),  # Airflow retries what ended, too
        ("ldtask_9", 1, False),
        (None, 1, False),  # another task of the run was cleared
    ],
)
def test_is_cleared_same_max_tries_needs_an_end_and_a_clear_of_the_run(ended_with, clear_number, cleared):
    store = Store()
    SubmitStore(store, AirflowTry("try-1", 1, 0)).write_end(ended_with)
    later = SubmitStore(store, AirflowTry("try-2", 2, clear_number))
    assert later.is_cleared(STORED, STORED) is cleared


@pytest.mark.parametrize("broken", ["x", [], {"task_id": "ldtask_0"}, {"a": 1}, None, 7])
def test_is_cleared_unreadable_end_is_none(broken):
    store = Store()
    store.values[ENDED_KEY] = broken
    assert not SubmitStore(store).is_cleared(STORED, STORED)


def test_write_end_store_fails_is_no_error():
    class Away(Store):
        def set(self, key: str, value: Any) -> None:
            raise RuntimeError("the API server is away")

    SubmitStore(Away()).write_end("ldtask_0")
