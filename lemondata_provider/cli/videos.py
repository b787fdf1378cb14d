"""What task instances generated, and its cost: ``airflow lemondata tasks`` and ``spend``, from Airflow's database."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from airflow.utils.session import create_session

from lemondata_provider.videos.card import iso
from lemondata_provider.videos.query import Filters, NewSession, StoredVideo, charges, page
from lemondata_provider.videos.spending import By, spending
from lemondata_provider.videos.states import VideoState

PAGE = 100  # videos of one statement

Rows = list[dict[str, Any]]


def tasks(args: Namespace, new_session: NewSession = create_session) -> Rows:
    """
    List videos, newest first.

    :param args: ``dag``, ``state``, ``since``, ``until`` and ``limit``.
    :param new_session: opens Airflow's database.
    """
    state = VideoState(args.state) if args.state else None
    filters = Filters(dag_id=args.dag, state=state, since=args.since, until=args.until)
    found: list[StoredVideo] = []
    after: str | None = None
    with new_session() as session:
        while len(found) < args.limit:
            part = page(session, filters, min(PAGE, args.limit - len(found)), after)
            found += part.videos
            after = part.next
            if after is None:
                break
    return [_row(video) for video in found]


def spend(args: Namespace, new_session: NewSession = create_session) -> Rows:
    """
    Add up what videos cost, with estimates and settled costs apart, and the total last.

    :param args: ``since``, ``until`` and ``by``.
    :param new_session: opens Airflow's database.
    """
    with new_session() as session:
        paid = [*charges(session, Filters(since=args.since))]
    sums = spending(paid, By(args.by), args.since, args.until)
    rows = [*sums.rows.items(), ("total", sums.total)]
    return [{args.by: key, **_sums(total.to_json())} for key, total in rows]


def _row(video: StoredVideo) -> dict[str, Any]:
    entry = video.entry
    return {
        **{name: getattr(video.task_instance, name) for name in ("dag_id", "run_id", "task_id", "map_index")},
        "state": video.state.value,
        "model": entry.model or "",
        "submitted": iso(entry.created) or "",
        "seconds": "" if entry.seconds is None else f"{entry.seconds:g}",
        "usd": entry.settled_cost or entry.estimated_cost or "",
        "lemondata_task_id": entry.video_task or "",
        "reason": entry.error.message if entry.error else "",
    }


def _sums(sums: dict[str, Any]) -> dict[str, Any]:
    return {
        "videos": sums["videos"],
        "estimated_usd": sums["estimated"],
        "settled_usd": sums["settled"],
        "cost_unknown": sums["cost_unknown"],
    }
