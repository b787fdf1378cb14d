"""The HTTP interface: the documented endpoints, the files, and the controls for tests and demos.

The controls need no key and are no part of LemonData's API: `GET /sandbox/ledger` (what was asked and charged),
`GET /sandbox/tasks` (how every task stands), `GET` and `PATCH /sandbox/settings` (a JSON object of changes),
`GET` and `POST /sandbox/faults` (one fault as a JSON object), `POST /sandbox/reset`, `GET /healthz`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lemondata_provider.sandbox.answers import refusal_answer
from lemondata_provider.sandbox.faults import Fault, FaultError
from lemondata_provider.sandbox.file_responses import file_response
from lemondata_provider.sandbox.ledger import Request as Call
from lemondata_provider.sandbox.links import check_link
from lemondata_provider.sandbox.management import key_list, organization_balance, usage_list
from lemondata_provider.sandbox.models import NEWEST, find_model, inventory, list_models, model_price, price_list
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.service import Service
from lemondata_provider.sandbox.settings import SettingError
from lemondata_provider.sandbox.wire import Gate

MAX_BODY_BYTES = 64_000_000  # of any request
Endpoint = Callable[[Request], Awaitable[Response]]
Api = Callable[[Service, Request, str], Awaitable[Any]]
Control = Callable[[Service, Request], Awaitable[Any]]


def create_app(service: Service, host: str = "127.0.0.1", log: Callable[[Call], None] = lambda _: None) -> Gate:
    """The ASGI application of a service.

    :param service: answers the requests.
    :param host: the address that is listened on.
    :param log: called with each API request after it.
    """
    api: list[tuple[str, str, Api]] = [
        ("POST", "/v1/videos/generations", _create),
        ("GET", "/v1/tasks/{task_id}", _poll),
        ("GET", "/v1/videos/generations/{task_id}", _poll),
        ("DELETE", "/v1/tasks/{task_id}", _cancel),
        ("GET", "/v1/models", _models),
        ("GET", "/v1/models/{model}", _model),
        ("GET", "/v1/models/{model}/pricing", _model_pricing),
        ("GET", "/v1/pricing", _pricing),
        ("GET", "/v1/management/balance", _balance),
        ("GET", "/v1/management/api-keys", _keys),
        ("GET", "/v1/management/api-keys/{key_id}/usage", _usage),
    ]
    control: list[tuple[str, str, Control]] = [
        ("GET", "/healthz", _health),
        ("GET", "/sandbox/ledger", _ledger),
        ("GET", "/sandbox/tasks", _tasks),
        ("POST", "/sandbox/reset", _reset),
        ("GET", "/sandbox/settings", _settings),
        ("PATCH", "/sandbox/settings", _change_settings),
        ("GET", "/sandbox/faults", _faults),
        ("POST", "/sandbox/faults", _add_fault),
    ]
    routes = [Route(path, _answering(service, answer), methods=[verb]) for verb, path, answer in api]
    routes += [Route(path, _controlling(service, answer), methods=[verb]) for verb, path, answer in control]
    routes.append(Route("/files/{task_id}.mp4", _serving(service, service.video, "video/mp4")))
    routes.append(Route("/files/{task_id}.png", _serving(service, service.last_frame, "image/png")))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_endpoint})
    app.router.redirect_slashes = False
    return Gate(app, service, host, log)


def _answering(service: Service, answer: Api) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        headers: dict[str, str] = {}
        request.state.request_id = request_id = f"req_{uuid.uuid4().hex}"
        try:
            caller, headers = service.admit(
                request.headers.get("authorization", ""), is_public=answer in PUBLIC, is_management=answer in MANAGEMENT
            )
            content = await answer(service, request, caller)
            response = JSONResponse(content, headers=headers)
            if service.settings.edition == NEWEST and answer is _create:
                response.headers["X-Task-ID"] = content.get("task_id") or content.get("id") or ""
        except Refusal as refusal:
            body = refusal_answer(refusal, service.settings)
            response = JSONResponse(body, refusal.status, {**headers, **refusal.headers})
        if service.settings.edition == NEWEST:
            response.headers["X-Request-ID"] = request_id
        await asyncio.sleep(service.settings.answer_delay)
        return response

    return endpoint


def _controlling(service: Service, answer: Control) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await answer(service, request))
        except (SettingError, FaultError, Refusal) as mistake:
            status = mistake.status if isinstance(mistake, Refusal) else 400
            return JSONResponse({"error": {"message": str(mistake)}}, status)

    return endpoint


def _serving(service: Service, draw: Callable[[str], Path], media_type: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        task_id = request.path_params["task_id"]
        try:
            check_link(task_id, request.query_params, service.settings, service.clock())
            # Drawing takes its time; the polls of others must not wait for it.
            path = await asyncio.to_thread(draw, task_id)
        except Refusal as refusal:
            return JSONResponse(refusal_answer(refusal, service.settings), refusal.status)
        return file_response(path, service.settings.range_requests, media_type)

    return endpoint


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = Refusal(status, "not_found", f"There is no {request.method} {request.url.path}.")
    return JSONResponse({"error": refusal.error}, status)


async def _json(request: Request, limit: int = MAX_BODY_BYTES) -> Any:
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        # What is too much is read all the same: a client that is still sending would not see the answer.
        if size <= limit:
            body += chunk
        elif size > 2 * MAX_BODY_BYTES:
            break  # it may never end
    if size > limit:
        raise Refusal(413, "payload_too_large", f"The body has {size} bytes; at most {limit} are accepted.")
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(400, "invalid_request_error", "The request body is not valid JSON.") from None


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


async def _create(service: Service, request: Request, caller: str) -> Any:
    body = await _json(request, min(service.settings.max_body_bytes, MAX_BODY_BYTES))
    return service.create(body, caller, _base_url(request), request.state.request_id)


async def _poll(service: Service, request: Request, _caller: str) -> Any:
    return service.poll(request.path_params["task_id"], request.query_params.get("token", ""), _base_url(request))


async def _cancel(service: Service, request: Request, caller: str) -> Any:
    return service.cancel(request.path_params["task_id"], caller, _base_url(request))


async def _models(service: Service, request: Request, _caller: str) -> Any:
    names = ("category", "recommended_for", "provider")
    query = {name: request.query_params.get(name, "") for name in names}
    return list_models(**query, edition=service.settings.edition)


async def _model(service: Service, request: Request, _caller: str) -> Any:
    return find_model(request.path_params["model"], service.settings).detail(service.settings.edition)


async def _model_pricing(service: Service, request: Request, _caller: str) -> Any:
    model = find_model(request.path_params["model"], service.settings)
    return model_price(model, service.settings, service.clock())


async def _pricing(service: Service, request: Request, _caller: str) -> Any:
    name = request.query_params.get("model")
    models = [find_model(name, service.settings)] if name else inventory().values()
    return price_list(models, service.settings, service.clock())


async def _balance(service: Service, _request: Request, _caller: str) -> Any:
    return organization_balance(service.ledger, service.settings)


async def _keys(service: Service, _request: Request, _caller: str) -> Any:
    return key_list(service.ledger)


async def _usage(service: Service, request: Request, _caller: str) -> Any:
    service.settle()
    since = request.query_params.get("startDate", "")
    return usage_list(service.ledger, since, int(request.query_params.get("page", "1")))


MANAGEMENT = (_balance, _keys, _usage)  # with the management token, and not with a key
PUBLIC = (_models, _model, _pricing, _model_pricing)  # the newest edition wants no key for them


async def _health(_service: Service, _request: Request) -> Any:
    return {"status": "ok"}


async def _ledger(service: Service, _request: Request) -> Any:
    service.settle()
    return service.ledger.public()


async def _tasks(service: Service, _request: Request) -> Any:
    return {"tasks": service.overview()}


async def _reset(service: Service, _request: Request) -> Any:
    service.reset()
    return service.settings.public()


async def _settings(service: Service, _request: Request) -> Any:
    return service.settings.public()


async def _change_settings(service: Service, request: Request) -> Any:
    return service.configure(_object(await _json(request))).public()


async def _faults(service: Service, _request: Request) -> Any:
    return {"faults": service.faults.public()}


async def _add_fault(service: Service, request: Request) -> Any:
    service.faults.add(Fault.from_mapping(_object(await _json(request))))
    return {"faults": service.faults.public()}


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_request_error", "The body must be a JSON object.")
    return body
