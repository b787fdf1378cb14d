"""What was charged: ``airflow lemondata balance`` and ``unknown``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow.utils.session import create_session
from sqlalchemy import select

from lemondata_provider.api.errors import LemonDataError, SubmitUnknownError
from lemondata_provider.api.management import UsageRow
from lemondata_provider.api.prices import plain
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.cli.table import table
from lemondata_provider.hooks.version_compat import task_state_table
from lemondata_provider.operators.record import KEY, Record

WINDOW = timedelta(minutes=10)  # between a submit and its row in the usage list


@dataclass(frozen=True)
class UnknownSubmit:
    """A submit whose outcome is unknown: the task instance, its model, and when it was sent."""

    arguments: str
    model: str
    at: datetime


def balance(args: Namespace) -> str:
    """
    Return the balance of the organization.

    :param args: ``conn_id``.
    :raises SystemExit: the service could not be asked; the message says why.
    """
    try:
        found = CommandLineHook(args.conn_id).get_balance()
    except LemonDataError as error:
        raise SystemExit(error.message) from None
    return f"Balance: {found.balance} USD, used: {found.used} USD"


def unknown_submits() -> list[UnknownSubmit]:
    """Return the records of submits without an answer, oldest first."""
    if (model := task_state_table()) is None:
        raise SystemExit("This Airflow has no task state store; 3.3 and newer have.")
    with create_session() as session:
        stored = session.scalars(select(model).where(model.key == KEY).order_by(model.updated_at)).all()
        return [submit for row in stored if (submit := _unknown(row)) is not None]


def _unknown(row: Any) -> UnknownSubmit | None:
    """Return the submit of a stored row; an unreadable record is unknown too."""
    arguments = f"{row.dag_id} {row.task_id} {row.run_id}"
    arguments += f" --map-index {row.map_index}" if row.map_index >= 0 else ""
    try:
        record = Record.read(json.loads(row.value))
    except (SubmitUnknownError, ValueError):
        return UnknownSubmit(arguments, "", row.updated_at)
    return UnknownSubmit(arguments, record.model or "", row.updated_at) if record and record.is_intent else None


def unknown(args: Namespace, find: Callable[[], list[UnknownSubmit]] = unknown_submits) -> str:
    """
    List the submits whose outcome is unknown, each with the usage rows that could be it.

    :param args: ``conn_id``.
    :param find: finds the submits. Default: in Airflow's database.
    :raises SystemExit: this Airflow has no task state store.
    """
    submits = find()
    if not submits:
        return "There is no submit whose outcome is unknown."
    try:
        since = min(submit.at for submit in submits) - WINDOW
        usage, note = CommandLineHook(args.conn_id).get_usage(since), ""
    except LemonDataError as error:
        usage, note = [], f"\n\nThe usage of LemonData is missing: {error.message}"
    rows = [row for submit in submits for row in _rows(submit, usage)]
    help_text = (
        "\n\nA submit with a charge has a video: find its task in LemonData's dashboard by the request id, or by model "
        "and time, then run\n"
        "  airflow lemondata adopt TASK-INSTANCE --lemondata-task-id ID\n"
        "Charges appear when a video has ended. If none has appeared by then, nothing was made:\n"
        "  airflow lemondata forget TASK-INSTANCE"
    )
    return table(rows) + note + help_text


def _rows(submit: UnknownSubmit, usage: Iterable[UsageRow]) -> list[dict[str, str]]:
    known = {"task instance": submit.arguments, "model": submit.model, "submitted": f"{submit.at:%Y-%m-%d %H:%M:%S}"}
    could_be = [
        row
        for row in usage
        if row.created_at and abs(row.created_at - submit.at) <= WINDOW and submit.model in ("", row.model)
    ]
    return [
        {
            **known,
            "request id": row.request_id or "",
            "charged": f"{row.created_at:%Y-%m-%d %H:%M:%S}" if row.created_at else "",
            "usd": "" if row.cost_usd is None else plain(row.cost_usd),
        }
        for row in could_be or [UsageRow()]
    ]
