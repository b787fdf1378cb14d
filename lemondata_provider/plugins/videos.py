"""The routes below ``/lemondata/api``: videos, filters and spending. They read, and change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, TypeVar

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse

from lemondata_provider.plugins import answers
from lemondata_provider.plugins.access import readable_dags, readable_video
from lemondata_provider.plugins.query_string import MOST, ListQuery, Since, Until
from lemondata_provider.plugins.storage import media_roots
from lemondata_provider.videos.card import card
from lemondata_provider.videos.query import Filters, StoredVideo, charges, choices, count, page, typical_seconds
from lemondata_provider.videos.spending import By, spending
from lemondata_provider.videos.states import VideoState

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": answers.Refusal, "description": "The request has no login."},
    403: {"model": answers.Refusal, "description": "Without the right to read XComs, of one DAG if it is named."},
    422: {"model": answers.Refusal, "description": "A parameter is no such thing."},
}

router = APIRouter(prefix="/api", tags=["Videos"])
PermittedDep = Annotated[set[str], Depends(readable_dags)]
Function = TypeVar("Function", bound=Callable[..., Any])


class SafeJSONResponse(JSONResponse):
    """JSON in ASCII and without NaN: a person may have edited an XCom, and one broken value may not fail a page."""

    def render(self, content: Any) -> bytes:
        """Write JSON."""
        text = json.dumps(content, separators=(",", ":"))
        if "NaN" in text or "Infinity" in text:
            text = json.dumps(json.loads(text, parse_constant=lambda name: None), separators=(",", ":"))
        return text.encode()


def _get(
    path: str, answer: type[Any], refusals: Mapping[int | str, dict[str, Any]] = REFUSALS
) -> Callable[[Function], Function]:
    """Register a route for GET, and for HEAD, which FastAPI does not add."""

    def register(function: Function) -> Function:
        documented: dict[int | str, dict[str, Any]] = {200: {"model": answer}, **refusals}
        router.add_api_route(path, function, methods=["GET"], response_model=None, responses=documented)
        router.add_api_route(path, function, methods=["HEAD"], response_model=None, include_in_schema=False)
        return function

    return register


@_get("/videos", answers.VideoPage)
def videos(session: SessionDep, permitted: PermittedDep, asked: Annotated[ListQuery, Query()]) -> SafeJSONResponse:
    """Return videos, those first whose record changed last."""
    chosen = asked.model_dump(exclude={"limit", "after"})
    try:
        found = page(session, Filters(permitted, **chosen), asked.limit, asked.after)
    except ValueError as error:
        raise HTTPException(422, f"after: {error}.") from None
    return SafeJSONResponse({"videos": _cards(session, permitted, found.videos), "next": found.next})


@_get("/video", answers.Video, {**REFUSALS, 404: {"model": answers.Refusal, "description": "It has none."}})
def video(
    session: SessionDep, permitted: PermittedDep, found: Annotated[StoredVideo, Depends(readable_video)]
) -> SafeJSONResponse:
    """Return the video of a task instance."""
    (shown,) = _cards(session, permitted, [found])
    return SafeJSONResponse(shown)


@_get("/in-flight", answers.Videos)
def in_flight(session: SessionDep, permitted: PermittedDep) -> SafeJSONResponse:
    """Return the videos that are being made, at most the newest hundred."""
    found = page(session, Filters(permitted, state=VideoState.IN_FLIGHT), MOST)
    return SafeJSONResponse({"videos": _cards(session, permitted, found.videos)})


@_get("/filters", answers.Choices)
def filters(session: SessionDep, permitted: PermittedDep) -> SafeJSONResponse:
    """Return what the list can be filtered by."""
    states = [state.value for state in VideoState]
    return SafeJSONResponse({**choices(session, Filters(permitted)), "states": states})


@_get("/spend", answers.Spend)
def spend(
    session: SessionDep, permitted: PermittedDep, by: By = By.DAY, since: Since = None, until: Until = None
) -> SafeJSONResponse:
    """Return what videos cost by day (UTC), DAG or model, with estimates and settled costs apart."""
    paid = charges(session, Filters(permitted, since=since))
    return SafeJSONResponse(spending(paid, by, since, until).to_json())


@_get("/summary", answers.Summary)
def summary(session: SessionDep, permitted: PermittedDep) -> SafeJSONResponse:
    """Return how many videos are in flight, and what was submitted today (UTC)."""
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    paid = spending(charges(session, Filters(permitted, since=today)), By.DAY, today)
    flying = count(session, Filters(permitted, state=VideoState.IN_FLIGHT))
    return SafeJSONResponse({"in_flight": flying, "today": paid.total.to_json()})


def _cards(session: Session, permitted: set[str], found: list[StoredVideo]) -> list[dict[str, Any]]:
    models = {video.entry.model for video in found if video.entry.model and video.state is VideoState.IN_FLIGHT}
    typical = typical_seconds(session, Filters(permitted), models) if models else {}
    return [card(video, media_roots().why_not, typical) for video in found]
