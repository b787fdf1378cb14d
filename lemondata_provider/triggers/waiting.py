"""What a wait is asked for with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskWait:
    """
    One task to wait for.

    :param task_id: LemonData's id of the task.
    :param poll_url: where it is polled.
    :param lemondata_conn_id: the connection.
    :param poll_interval: the pause aimed at between two polls, in seconds.
    :param deadline: Unix seconds at which the wait ends.
    :param model: which model generates, if that is known.
    :param created: Unix seconds at which the task was created, if that is known.
    """

    task_id: str
    poll_url: str
    lemondata_conn_id: str
    poll_interval: float
    deadline: float
    model: str | None = None
    created: float | None = None
