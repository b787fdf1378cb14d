"""Repair a submit whose answer got lost, in Airflow's database: ``airflow lemondata adopt`` and ``forget``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select

from lemondata_provider.api import calls
from lemondata_provider.api.errors import (
    AccessDeniedError,
    InvalidRequestError,
    LemonDataError,
    NotFoundError,
    SubmitUnknownError,
)
from lemondata_provider.api.fields import read_text
from lemondata_provider.api.task import canonical_poll_url
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.version_compat import task_state_database
from lemondata_provider.operators.record import KEY, Record

AT_WORK = {"scheduled", "queued", "running", "restarting", "deferred"}


class Database:
    """
    The record of one task instance, where Airflow keeps it.

    :param args: ``dag_id``, ``task_id``, ``run_id`` and ``map_index``.
    :raises SystemExit: if there is no such task instance, or this Airflow keeps no such records.
    """

    def __init__(self, args: Namespace) -> None:
        if (database := task_state_database()) is None:
            raise SystemExit("This Airflow has no task state store; 3.3 and newer have.")
        key = {name: getattr(args, name) for name in ("dag_id", "run_id", "task_id", "map_index")}
        with create_session() as session:
            states = session.scalars(select(TaskInstance.state).filter_by(**key)).all()
        if not states:
            raise SystemExit(f"There is no such task instance: {key}")
        if states[0] in AT_WORK:
            raise SystemExit(f"Nothing was changed: the task is {states[0]}, and may be submitting. End it first.")
        self._backend, scope = database
        self._scope = scope(**key)

    def read(self) -> Record | None:
        """Return the record, or nothing; one that cannot be read ends the command."""
        stored = self._backend.get(self._scope, KEY)
        try:
            return Record.read(stored and json.loads(stored))
        except (SubmitUnknownError, ValueError) as error:
            raise SystemExit(f"Nothing was changed. {error}") from None

    def write(self, record: Record) -> None:
        """Keep the record for ever."""
        self._backend.set(self._scope, KEY, json.dumps(record.to_json()), expires_at=None)

    def delete(self) -> None:
        """Forget the record."""
        self._backend.delete(self._scope, KEY)


def adopt(
    args: Namespace,
    database: Callable[[Namespace], Database] = Database,
    get_hook: Callable[[str], LemonDataHook] = CommandLineHook,
) -> str:
    """
    Put a task into the record of a task instance: after a clear it is polled, and nothing is submitted.

    :param args: ``dag_id``, ``task_id``, ``run_id``, ``map_index``, ``lemondata_task_id``, ``poll_url``, ``conn_id``
        and ``force``.
    :param database: where the record is, default: Airflow's database.
    :param get_hook: returns the hook of a connection; the task is polled before its id is believed.
    :raises SystemExit: where nothing could be done, and why.
    """
    task_id, poll_url = read_text(args.lemondata_task_id), read_text(args.poll_url)
    if task_id is None:
        raise SystemExit("Nothing was changed: --lemondata-task-id must be the id of a task at LemonData.")
    store = database(args)
    found = store.read()
    if found and found.answered:
        raise SystemExit(f"Nothing was changed: the record holds task {found.task_id} already, which is paid for.")
    state = "It was not polled, because of --force." if args.force else poll(get_hook(args.conn_id), task_id, poll_url)
    record = found or Record(fingerprint={}, max_tries=0, deadline=0.0)
    store.write(replace(record, answered=False, task_id=task_id, poll_url=poll_url or canonical_poll_url(task_id)))
    return f"Task {task_id} is adopted. {state} Clear the Airflow task now, and it waits for that video."


def poll(hook: LemonDataHook, task_id: str, poll_url: str | None) -> str:
    """
    Poll a task, and say its state: an id with a typing error would be waited for in vain.

    :raises SystemExit: LemonData does not know the task, or could not be asked.
    """
    try:
        with hook.get_conn() as client:
            task = client.send_once(calls.get_task(poll_url, task_id))
    except (NotFoundError, AccessDeniedError, InvalidRequestError) as error:
        raise SystemExit(f"Nothing was changed: LemonData has no task {task_id} for this key. {error}") from None
    except LemonDataError as error:
        raise SystemExit(
            f"Nothing was changed: task {task_id} could not be polled. {error} --conn-id names "
            "another connection; --force adopts it without a poll."
        ) from None
    return f"It is {task.status.value} at LemonData."


def forget(args: Namespace, database: Callable[[Namespace], Database] = Database) -> str:
    """
    Delete the record of a submit that left no task: after a clear the task instance submits again.

    :param args: ``dag_id``, ``task_id``, ``run_id`` and ``map_index``.
    :param database: where the record is, default: Airflow's database.
    :raises SystemExit: where nothing could be done, and why.
    """
    store = database(args)
    found = store.read()
    if found is None:
        raise SystemExit("Nothing was changed: no submit is stored for this task instance.")
    if found.answered:
        raise SystemExit(
            f"Nothing was changed: the record holds task {found.task_id}, which is paid for. To pay for another video, "
            'clear the Airflow task with on_clear="regenerate".'
        )
    store.delete()
    return "The submit is forgotten. Clear the Airflow task now, and it submits again."
