"""What videos really cost: ``airflow lemondata settle``, from LemonData's usage list into Airflow's database."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow.utils.session import create_session

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.fields import read_price
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.videos.query import Filters, NewSession
from lemondata_provider.videos.settling import OpenVideo, charged, open_videos, store_costs
from lemondata_provider.videos.spending import dollars

WINDOW = timedelta(minutes=10)  # between the clocks of a worker and of LemonData
EARLIEST = timedelta(days=7)  # before the first entry, if its submit has no time

Rows = list[dict[str, Any]]


def settle(
    args: Namespace,
    new_session: NewSession = create_session,
    new_hook: Callable[[str], LemonDataHook] = CommandLineHook,
) -> Rows:
    """
    Store the settled costs of finished videos, and return one row for each connection.

    :param args: ``since``, ``until`` and ``conn_id``.
    :param new_session: opens Airflow's database.
    :param new_hook: makes the hook of a connection.
    :raises SystemExit: no connection could be asked; the message says why.
    """
    with new_session() as session:
        found = open_videos(session, Filters(since=args.since, until=args.until))
    if args.conn_id:
        found = {conn_id: videos for conn_id, videos in found.items() if conn_id == args.conn_id}
    rows, problems = [], []
    for conn_id, videos in found.items():
        try:
            usage = new_hook(conn_id).get_usage(_since(videos))
        except LemonDataError as error:
            problems.append(error.message)
            rows.append(_row(conn_id, [], len(videos), error.message))
        else:
            settled = store_costs(videos, charged(usage), new_session)
            rows.append(_row(conn_id, settled, len(videos) - len(settled)))
    if found and len(problems) == len(found):
        raise SystemExit("\n".join(problems))
    return rows


def _since(videos: Sequence[OpenVideo]) -> datetime:
    return min(video.created or video.written - EARLIEST for video in videos) - WINDOW


def _row(
    conn_id: str, settled: Sequence[tuple[OpenVideo, Decimal]], still_open: int, reason: str = ""
) -> dict[str, Any]:
    estimated = sum((read_price(video.entry.estimated_cost) or Decimal(0) for video, _ in settled), Decimal(0))
    charged_for = sum((cost for _, cost in settled), Decimal(0))
    return {
        "connection": conn_id,
        "videos_settled": len(settled),
        "estimated_usd": dollars(estimated),
        "settled_usd": dollars(charged_for),
        "still_open": still_open,
        "reason": reason,
    }
