"""Signals that arrive during a submit."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from lemondata_provider.operators.record import KEY, Options
from lemondata_provider.operators.signals import DEFERRED_SIGNALS, deferred_signals
from tests.operators.doubles import Store, SubmitService, run_try


@pytest.mark.parametrize("number", DEFERRED_SIGNALS)
def test_store_task_signal_after_the_answer_arrives_when_the_id_is_stored(number):
    class Signalled(Store):
        def set(self, key: str, value: Any) -> None:
            if value["task_id"]:
                os.kill(os.getpid(), number)
            super().set(key, value)

    def too_late(*_: Any) -> None:
        raise AirflowTaskTimeout

    before = signal.signal(number, too_late)
    store = Signalled()
    try:
        with pytest.raises(AirflowTaskTimeout):
            run_try(SubmitService(), store, 2, Options())
    finally:
        signal.signal(number, before)
    assert store.values[KEY]["task_id"] == "ldtask_1"


def test_submit_or_reattach_outside_the_main_thread_submits():
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(run_try, SubmitService(), Store(), 2, Options()).result(timeout=10)
    assert end.startswith("waiting")


def test_deferred_signals_two_signals_arrive_and_the_raising_one_is_last():
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


def test_deferred_signals_all_at_once_each_arrives_though_each_raises():
    arrived: list[int] = []

    def end(number: int, _: Any) -> None:
        arrived.append(number)
        raise AirflowTaskTimeout

    @deferred_signals()
    def held_back() -> None:
        for number in DEFERRED_SIGNALS:
            os.kill(os.getpid(), number)

    before = {number: signal.signal(number, end) for number in DEFERRED_SIGNALS}
    try:
        with pytest.raises(AirflowTaskTimeout):
            held_back()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert sorted(arrived) == sorted(DEFERRED_SIGNALS)
