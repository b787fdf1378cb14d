"""The application below ``/lemondata``: the page's files, and the routes that it asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lemondata_provider import __version__
from lemondata_provider.plugins import media, videos
from lemondata_provider.plugins.query_string import refuse_nul

STATIC = Path(__file__).parent / "static"


class PageFiles(StaticFiles):
    """The files of the page; they hold no data, so they need no login."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file that a browser asks for again, since the modules of two versions may not meet."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def build(auth_manager: Any = None) -> FastAPI:
    """
    Return the application.

    :param auth_manager: decides who may read what. Default: Airflow's.
    """
    app = FastAPI(
        title="LemonData videos",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_nul)],
    )
    # Airflow's dependencies look for it in the application that serves the request, which is this one.
    app.state.auth_manager = auth_manager or get_auth_manager()
    app.add_exception_handler(RequestValidationError, _refuse)
    for router in (videos.router, media.router):
        app.include_router(router)
    app.mount(f"/static/{__version__}", PageFiles(directory=STATIC))
    return app


def _refuse(request: Request, error: Any) -> JSONResponse:
    """Say in one sentence what is wrong with a request."""
    said = [f"{problem['loc'][-1]}: {problem['msg'].removeprefix('Value error, ')}" for problem in error.errors()]
    return JSONResponse({"detail": "; ".join(said) + "."}, status_code=422)
