"""
What Airflow loads of this package: a page, a tab, a tile, and the application behind them.

Every Airflow command loads plugins, so this module imports nothing but what Airflow has loaded by then; the application
is imported by the first request.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from lemondata_provider import __version__

PREFIX = "/lemondata"
PAGE, TAB, TILE = "Videos", "Video", "LemonDataTile"
"""What the three entries are called; ``static/videos.js`` puts a component under each of these names in globalThis."""

OPERATORS = (
    "SubmitVideoOperator",
    "TaskSensor",
    "VideoToObjectStorageOperator",
    "VideoDecoratedOperator",
    "@task.lemondata_video",
)


class LazyApp:
    """An ASGI application that is built by the first request, in the process that serves it."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request on."""
        if self._app is None:
            from lemondata_provider.plugins.app import build  # noqa: PLC0415 # a second of imports

            self._app = build()
        await self._app(scope, receive, send)


def entries() -> list[dict[str, Any]]:
    """Return the entries of page, tab and tile, below the base path that Airflow is served under."""
    base_path = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    static = f"{base_path}{PREFIX}/static/{__version__}"
    shared = {
        # Airflow 3.2 resolves a relative address against its own module, 3.3 against the document.
        "bundle_url": f"{static}/videos.js",
        "icon": f"{static}/icon.svg",
        "icon_dark_mode": f"{static}/icon-dark.svg",
    }
    shown_for = {"task_instance.operator_name": list(OPERATORS)}  # known to Airflow 3.4, ignored before
    return [
        {**shared, "name": PAGE, "destination": "nav", "category": "browse", "url_route": "videos"},
        {**shared, "name": TAB, "destination": "task_instance", "url_route": "video", "applies_to": shown_for},
        {**shared, "name": TILE, "destination": "dashboard", "url_route": "lemondata-tile"},
    ]


class LemonDataPlugin(AirflowPlugin):
    """Show videos, their progress and what they cost in Airflow's UI."""

    name = "lemondata"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": "LemonData videos"}]  # noqa: RUF012 # as Airflow's
    react_apps = entries()
