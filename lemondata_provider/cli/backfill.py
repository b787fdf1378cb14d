"""What a backfill would submit, before anything is paid for: ``airflow lemondata plan``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.dag import DagModel
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.session import create_session
from sqlalchemy import select

from lemondata_provider.api.errors import AuthenticationError, ConfigurationError, LemonDataError
from lemondata_provider.api.prices import Estimate, estimate, plain
from lemondata_provider.cli.dag_facts import submits_of
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.cli.plan import AT_RUN_TIME, Clip, Plan
from lemondata_provider.cli.plan import plan as planned
from lemondata_provider.cli.table import table
from lemondata_provider.hooks.version_compat import backfill_runs


def plan(args: Namespace) -> str:
    """
    Say how many videos a backfill would submit, what they cost today, and how long the rate limit makes it take.

    :param args: ``dag_id``, ``from_date``, ``to_date`` and ``json``.
    :raises SystemExit: where that cannot be said, and why.
    """
    dag = find_dag(args.dag_id)
    tasks = submits_of(dag.tasks)
    if not tasks:
        raise SystemExit(f"{args.dag_id} has no SubmitVideoOperator: it submits nothing.")
    runs = runs_between(dag, args.from_date, args.to_date)
    facts = ConnectionFacts()
    limits = {task.conn_id: limit for task in tasks if task.conn_id and (limit := facts.limit(task.conn_id))}
    found = planned(args.dag_id, runs or (1, 0), tasks, facts.appraise, limits)
    return json.dumps(found.to_json(), indent=2) if args.json else "\n".join(lines(found, is_manual=runs is None))


class ConnectionFacts:
    """What the connections of a DAG tell: prices, and how many requests they allow."""

    def __init__(self) -> None:
        self._trouble: dict[tuple[str, str | None], str] = {}  # of a model, or of a connection as a whole

    def limit(self, conn_id: str) -> float | None:
        """Return the requests per minute of a connection, or nothing where it cannot be used."""
        try:
            return CommandLineHook(conn_id).settings().requests_per_minute
        except LemonDataError as error:
            self._trouble[conn_id, None] = error.message
            return None

    def appraise(self, conn_id: str | None, clip: Clip) -> Estimate:
        """Say what a clip costs at today's prices."""
        if conn_id is None or clip.model is None:
            return Estimate(None, f"the {'connection' if conn_id is None else 'model'} is {AT_RUN_TIME}")
        trouble = self._trouble.get((conn_id, None)) or self._trouble.get((conn_id, clip.model))
        if trouble is None:
            try:
                return estimate(CommandLineHook(conn_id).get_prices(clip.model), clip.seconds)
            except LemonDataError as error:
                of_all = isinstance(error, (AuthenticationError, ConfigurationError))
                trouble = self._trouble[conn_id, None if of_all else clip.model] = error.message
        return Estimate(None, f"no price could be asked for: {trouble}")


def find_dag(dag_id: str) -> Any:
    """
    Read a DAG from its file: what is stored of it in the database does not hold the arguments of our operators.

    :raises SystemExit: if there is none.
    """
    errors: dict[str, str] = {}
    for folder, bundle in _places(dag_id):
        bag = BundleDagBag(dag_folder=folder, bundle_path=bundle.path, bundle_name=bundle.name)
        if dag := bag.dags.get(dag_id):
            return dag
        errors |= bag.import_errors
    broken = "".join(f"\n{path}: {error.strip().splitlines()[-1]}" for path, error in errors.items())
    raise SystemExit(f"There is no DAG {dag_id!r}.{' These files cannot be read:' + broken if broken else ''}")


def _places(dag_id: str) -> Iterator[tuple[Path, Any]]:
    """Return where the DAG was last seen, and after it all the places where it may be."""
    with create_session() as session:
        columns = (DagModel.bundle_name, DagModel.relative_fileloc)
        seen = session.execute(select(*columns).where(DagModel.dag_id == dag_id)).first()
    manager = DagBundlesManager()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
    bundles = list(manager.get_all_dag_bundles())
    for bundle in bundles:
        bundle.initialize()
        if seen and seen.bundle_name == bundle.name and seen.relative_fileloc:
            yield bundle.path / seen.relative_fileloc, bundle
    for bundle in bundles:
        yield bundle.path, bundle


def runs_between(dag: Any, start: datetime | None, end: datetime | None) -> tuple[int, int] | None:
    """
    Count the runs that a backfill would create, and those that exist already, as Airflow's own dry run does.

    A DAG without a schedule has no backfill: the answer is ``None``.

    :raises SystemExit: if there cannot be a backfill.
    """
    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    if not scheduled.timetable.periodic:
        return None
    if start is None or end is None:
        raise SystemExit("--from and --to are needed: the first and the last date of the backfill.")
    if start > end:
        raise SystemExit(f"--from {start.isoformat()} is after --to {end.isoformat()}.")
    infos, existing_run = backfill_runs(scheduled, start, end)
    with create_session() as session:
        stored = [session.scalar(existing_run(info)) for info in infos]
    existing = sum(run is not None for run in stored)
    return len(infos) - existing, existing


def lines(found: Plan, is_manual: bool = False) -> Iterator[str]:
    """Write a plan for a person; a DAG without a schedule has the plan of one run."""
    there = "that is there already" if found.existing == 1 else "that are there already"
    left_out = f" (left out: {found.existing} {there})" if found.existing else ""
    if is_manual:
        yield f"{found.dag_id} has no schedule that a backfill could follow. One run of it would submit:\n"
    else:
        yield f"A backfill of {found.dag_id} would create {_many(found.runs, 'run')}{left_out}.\n"
    yield table(
        {
            "task": row.task_id,
            "model": row.model,
            "videos": "unknown" if row.videos is None else str(row.videos),
            "USD": "unknown" if row.usd is None else plain(row.usd),
            "note": row.note,
        }
        for row in found.rows
    )
    unknown = [
        *(["how many videos " + ", ".join(found.unknown_videos) + " will submit"] if found.unknown_videos else []),
        *(["what " + ", ".join(found.unknown_usd) + " will cost"] if found.unknown_usd else []),
    ]
    more = " and what is unknown" if unknown else ""
    yield f"\n{_many(found.videos, 'video')}, {plain(found.usd)} USD{more}."
    if unknown:
        yield f"Unknown: {'; '.join(unknown)}."
    for pace in found.paces:
        yield (
            f"{_many(pace.requests, 'request')} at {pace.requests_per_minute:g} a minute ({pace.conn_id}) take at "
            f"least {_time(pace.seconds)}; each minute of generating adds {pace.polls_a_minute:g} polls."
        )
    if not found.paces:
        yield "How long the rate limit makes it take is unknown: no connection could be read."


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
