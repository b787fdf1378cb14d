"""``airflow lemondata``. Every Airflow command imports this module: it imports nothing that such a command has not."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from airflow.cli.cli_config import CLICommand

DOCUMENTS = ("json", "yaml", "plain")  # which a program reads
STATES = ("in_flight", "submitted", "completed", "failed", "unknown")


def get_commands() -> list[CLICommand]:
    """Return the commands of ``airflow lemondata``."""
    from airflow.cli.cli_config import (  # noqa: PLC0415 # only a command line needs it
        ARG_DAG_ID,
        ARG_MAP_INDEX,
        ARG_OUTPUT,
        ARG_TASK_ID,
        ActionCommand,
        Arg,
        GroupCommand,
    )
    from airflow.sdk.timezone import parse  # noqa: PLC0415 # the same

    def argument(*flags: str, **options: Any) -> Arg:
        return Arg(flags, **options)  # type: ignore[no-untyped-call]  # Airflow leaves it untyped

    whose = (ARG_DAG_ID, ARG_TASK_ID, argument("run_id", help="The id of the DAG run"), ARG_MAP_INDEX)
    lemondata_task_id = argument("--lemondata-task-id", required=True, help="The id of the task at LemonData")
    poll_url = argument("--poll-url", help="The poll URL of the task, default: /v1/tasks/<its id>")
    force = argument("--force", action="store_true", help="Adopt the task without asking LemonData for it")
    as_json = argument("--json", action="store_true", help="Print JSON")
    conn_id = argument("--conn-id", default="lemondata_default", help="The connection, default lemondata_default")
    which = (
        argument("--operation", help="Only models that can do this, for example video-to-video"),
        argument("--family", help="Only models of this family, for example Google"),
        argument("--live", action="store_true", help="Ask LemonData instead of the catalog"),
        argument("--diff", action="store_true", help="Print what LemonData has that the catalog has not, and back"),
        conn_id,
        argument("--output", metavar="PATH", help=r"Write a file that \[lemondata] catalog_path takes"),
    )
    between = (
        argument("--from", "--from-date", dest="from_date", type=parse, help="The first date, inclusive"),
        argument("--to", "--to-date", dest="to_date", type=parse, help="The last date, inclusive"),
    )
    when = (
        argument("--since", type=parse, help="Only what was recorded then or later, for example 2026-11-26"),
        argument("--until", type=parse, help="Only what was recorded before"),
    )
    return [
        GroupCommand(
            name="lemondata",
            help="See videos and what they cost, choose a model, copy a DAG, plan a backfill, repair a submit",
            subcommands=[
                ActionCommand(
                    name="tasks",
                    help="List the videos that task instances asked for, newest first",
                    func=_printing("videos", "tasks"),
                    args=(
                        argument("--dag", metavar="DAG_ID", help="Only videos of this DAG"),
                        argument("--state", choices=STATES, help="Only videos in this state"),
                        *when,
                        argument("--limit", type=int, default=100, help="At most so many, default 100"),
                        ARG_OUTPUT,
                    ),
                ),
                ActionCommand(
                    name="watch",
                    help="Wait for a task at LemonData; it is neither paid for again nor cancelled",
                    func=_printing("watch", "watch"),
                    args=(
                        argument("task", help="A poll URL, or LemonData's id of a task"),
                        argument("--poll-interval", type=float, default=5.0, help="Seconds, default 5"),
                        conn_id,
                    ),
                ),
                ActionCommand(
                    name="spend",
                    help="Add up what videos cost, from what task instances recorded",
                    func=_printing("videos", "spend"),
                    args=(
                        *when,
                        argument("--by", choices=("day", "dag", "model"), default="day", help="Default: day (UTC)"),
                        ARG_OUTPUT,
                    ),
                ),
                ActionCommand(
                    name="settle",
                    help="Store what LemonData charged; the connections need the extra management_token",
                    func=_printing("settle", "settle"),
                    args=(
                        *when,
                        argument("--conn-id", help="Only videos of this connection. Default: of all connections"),
                        ARG_OUTPUT,
                    ),
                ),
                ActionCommand(
                    name="models",
                    help="List the models: what each can do, and what it is recommended for",
                    func=_printing("models", "models"),
                    args=(*which, as_json),
                ),
                ActionCommand(
                    name="examples",
                    help="List the example DAGs: what each shows and needs; or copy them",
                    func=_printing("examples", "examples"),
                    args=(
                        argument("names", metavar="NAME", nargs="*", help="Only these examples, default: all"),
                        argument("--copy", metavar="DIR", help="Copy the files there, for example to your DAGs folder"),
                        argument("--overwrite", action="store_true", help="Replace files that are there and differ"),
                        ARG_OUTPUT,
                    ),
                ),
                ActionCommand(
                    name="plan",
                    help="Say what a backfill would submit and cost, without submitting anything",
                    func=_printing("backfill", "plan"),
                    args=(ARG_DAG_ID, *between, as_json),
                ),
                ActionCommand(
                    name="balance",
                    help="Print the balance at LemonData; the connection needs the extra management_token",
                    func=_printing("costs", "balance"),
                    args=(conn_id,),
                ),
                ActionCommand(
                    name="unknown",
                    help="List the submits whose outcome is unknown, with the charges that could be theirs",
                    func=_printing("costs", "unknown"),
                    args=(conn_id,),
                ),
                ActionCommand(
                    name="adopt",
                    help="Wait for a task that exists at LemonData, instead of submitting",
                    func=_printing("adoption", "adopt"),
                    args=(*whose, lemondata_task_id, poll_url, conn_id, force),
                ),
                ActionCommand(
                    name="forget",
                    help="Submit again: LemonData has no such task",
                    func=_printing("adoption", "forget"),
                    args=whose,
                ),
            ],
        )
    ]


def _printing(module: str, name: str) -> Callable[[Namespace], None]:
    """
    Load a command when it is called, and print what it returns, text or rows: what was printed or logged before is no
    answer.
    """

    def command(args: Namespace) -> None:
        logging.disable(
            logging.CRITICAL
            if getattr(args, "json", False) or getattr(args, "output", None) in DOCUMENTS
            else logging.INFO
        )  # Airflow 3.2 logs to stdout
        try:
            with contextlib.redirect_stdout(sys.stderr):
                answer = getattr(importlib.import_module(f"{__name__}.{module}"), name)(args)
        finally:
            logging.disable(logging.NOTSET)
        if isinstance(answer, str):
            print(answer)  # noqa: T201 # a command's answer
        else:
            from airflow.cli.simple_table import AirflowConsole  # noqa: PLC0415 # the same

            AirflowConsole(markup=False, emoji=False).print_as(answer, output=args.output)  # texts of others

    return command
