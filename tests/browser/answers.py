"""Answers of the provider's REST API, so that a test can say what the page gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import lemondata_provider.sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

CLIP = Path(lemondata_provider.sandbox.__file__).parent / "clip.mp4"
SUMMARY = {"in_flight": 0, "today": {"videos": 3, "estimated": "1.20", "settled": "0.40", "cost_unknown": 1}}
FILTERS = {"dags": ["campaign"], "models": ["veo3.1-fast"], "operations": ["text-to-video"], "states": ["completed"]}
SPEND = {
    "by": "day",
    "rows": [{"key": "2026-11-02", "videos": 3, "estimated": "1.20", "settled": "0.40", "cost_unknown": 1}],
    "total": {"videos": 3, "estimated": "1.20", "settled": "0.40", "cost_unknown": 1},
}


def completed(number: int, **changes: Any) -> dict[str, Any]:
    """A finished video with a file and without a poster."""
    at = f"2026-11-02T10:{number:02}:00Z"
    video = {
        "dag_id": "campaign", "run_id": f"manual__{number}", "task_id": "clip", "map_index": -1, "try_number": 1,
        "task_state": "success", "state": "completed", "video_task": f"ldtask_{number}", "model": "veo3.1-fast",
        "operation": "text-to-video", "prompt": f"Clip number {number}.", "request": {"duration": 4}, "error": None,
        "repair": None, "created": at, "ended": at, "seconds": 40.0, "duration": 4.0, "width": 640, "height": 360,
        "size": 1_200_000, "cost": {"estimated": "0.60", "settled": None},
        "media": {"video": f"media/video?run_id={number}", "poster": None, "why_not": None}, "remote_url": None,
        "progress": None, "age_seconds": None, "rest_seconds": None, "skipped": False, "earlier": [],
        "timeline": {"submitted": at, "first_progress": at, "completed": at, "stored": at},
    }  # fmt: skip
    return {**video, **changes}


def in_flight(number: int, **changes: Any) -> dict[str, Any]:
    """A video that is being made, of which LemonData says nothing but that."""
    nothing = dict.fromkeys(("ended", "seconds", "duration", "width", "height", "size"))
    media = {"video": None, "poster": None, "why_not": None}
    live = {"state": "in_flight", "task_state": "deferred", "media": media, "age_seconds": 20, "rest_seconds": 60}
    return completed(number, **{**nothing, **live, **changes})


def failed(number: int, **changes: Any) -> dict[str, Any]:
    """A video that failed, with everything that LemonData may say of it."""
    error = {"code": "content_policy", "message": "Too <b>dark</b>.", "hint": "Add light.", "request_id": "req_7"}
    media = {"video": None, "poster": None, "why_not": None}
    return completed(number, **{"state": "failed", "task_state": "failed", "error": error, "media": media, **changes})


@dataclass
class CannedApi:
    """
    Answers the page instead of the plugin, and counts what it asked for.

    :param videos: what the list holds, newest first.
    :param status: of every answer; 0 lets the connection fail.
    :param has_file: whether there is a file behind the videos.
    """

    videos: list[dict[str, Any]]
    status: int = 200
    has_file: bool = True
    asked: Counter[str] = field(default_factory=Counter)
    after: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # further pages by cursor

    def install(self, page: Page) -> None:
        """Put the answers in the way of all requests of a page."""
        page.route("**/lemondata/api/**", self._answer)
        page.route("**/lemondata/media/**", self._media)

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        name = address.path.rsplit("/", 1)[1]
        self.asked[name] += 1
        body = self._body(name, dict(parse_qsl(address.query)))
        if not self.status:
            route.abort("connectionrefused")
        else:
            status = self.status if body is not None else 404
            route.fulfill(status=status, json=body if status == 200 else {"detail": "no"})

    def _body(self, name: str, query: Mapping[str, str]) -> Any:
        flying = [video for video in self.videos if video["state"] == "in_flight"]
        if name == "videos":
            page = self.after[query["after"]] if "after" in query else self.videos
            return {"videos": page, "next": None if "after" in query else next(iter(self.after), None)}
        if name == "video":
            return next((video for video in self.videos if video["run_id"] == query["run_id"]), None)
        bodies = {"summary": {**SUMMARY, "in_flight": len(flying)}, "filters": FILTERS, "spend": SPEND}
        return bodies[name]

    def _media(self, route: Route) -> None:
        self.asked[urlsplit(route.request.url).path.rsplit("/", 1)[1]] += 1
        if self.has_file:
            route.fulfill(content_type="video/mp4", body=CLIP.read_bytes())
        else:
            route.fulfill(status=404)
