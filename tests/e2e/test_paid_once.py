"""A task process that is killed after it submitted."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from typing import Any


def until(done: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_killed_task_is_paid_once_where_the_submit_is_durable_and_twice_where_it_is_not(airflow, sandbox):
    sandbox.reset()
    run_id = airflow.trigger("killed")
    for name in ("durable", "not_durable"):
        pid_file = airflow.home / f"{name}-1.pid"
        until(pid_file.exists)
        until(lambda: any(name_of(create) == name for create in sandbox.ledger.creates))  # noqa: B023 # used at once
        until(lambda: "accepted task" in airflow.log("killed", run_id, name, 1))  # noqa: B023
        time.sleep(0.5)  # storing takes 20 to 60 ms, and nothing outside of the process tells that it is done
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert airflow.wait_for_run("killed", run_id, timeout=180) == "success"
    assert Counter(map(name_of, sandbox.ledger.creates)) == {"durable": 1, "not_durable": 2}
    tries = {ti["task_id"]: ti["try_number"] for ti in airflow.task_instances("killed", run_id)}
    assert tries == {"durable": 2, "not_durable": 2}


def name_of(create: Any) -> str:
    return create.body["prompt"].split()[1]
