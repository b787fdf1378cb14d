"""What may stand in a query string: dates, and nothing that a database would choke on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Annotated
from urllib.parse import unquote

from fastapi import HTTPException, Query, Request
from pydantic import BaseModel, BeforeValidator, Field

from lemondata_provider.videos.query import LARGEST
from lemondata_provider.videos.states import VideoState

MOST = 100  # videos of one answer


def refuse_nul(request: Request) -> None:
    """
    Refuse a query string with a NUL, which PostgreSQL does not take.

    :raises HTTPException: 422.
    """
    if "\0" in unquote(request.url.query):
        raise HTTPException(422, "The query string holds a NUL character.")


def _instant(text: str | None, days: int) -> datetime | None:
    """Return the instant that a text names; of a day its beginning, or that of the day so many days later."""
    if not text:
        return None
    try:
        # A plus sign that is not encoded arrives as a space, and Python 3.10 knows no Z.
        at = datetime.fromisoformat(text.strip().replace(" ", "+").replace("Z", "+00:00"))
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        return at.astimezone(timezone.utc) + timedelta(days=days if len(text.strip()) == len("2026-01-31") else 0)
    except (ValueError, OverflowError):
        raise ValueError("write a date or time like 2026-01-31 or 2026-01-31T12:00:00Z") from None


Since = Annotated[
    datetime | None,
    BeforeValidator(partial(_instant, days=0)),
    Query(description="That instant or later, or a day; without zone: UTC."),
]
Until = Annotated[
    datetime | None,
    BeforeValidator(partial(_instant, days=1)),
    Query(description="Before that instant, or a day and no later."),
]
MapIndex = Annotated[int, Query(ge=-1, le=LARGEST, description="-1 for a task that is not mapped.")]


class ListQuery(BaseModel):
    """Which videos, and which page of them."""

    dag_id: str | None = None
    model: str | None = None
    operation: str | None = None
    state: VideoState | None = None
    since: Since = None
    until: Until = None
    limit: int = Field(24, ge=1, le=MOST)
    after: str | None = Field(None, description="The `next` of the page before.")
