"""
Every endpoint as data: what to send, and how to read the answer. Nothing here touches the wire.

A :class:`Call` is sent by ``Client.send(call)`` or ``AsyncClient.send(call)``. Source: https://docs.lemondata.cc
(create-video, get-task-status, cancel-task, list-models, get-model, get-pricing,
get-model-pricing).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from lemondata_provider.api.description import describe_answer
from lemondata_provider.api.errors import ErrorDetails, InvalidRequestError, MissingTaskError, UnreadableAnswerError
from lemondata_provider.api.fields import read_text
from lemondata_provider.api.models import Model, ModelPrice
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.task import Task, canonical_poll_url, identify, task_id_of

T = TypeVar("T")

POLL_TIMEOUT = 30.0  # seconds, as LemonData's guide says
_ENDS_WITH_ID = re.compile(r"/v1/(tasks|videos/generations)/[^/]+/?$")  # documented status endpoints


@dataclass(frozen=True)
class Call(Generic[T]):
    """
    One request and the way to read its answer.

    :param method: HTTP method; only a ``GET`` is repeated freely.
    :param url: a path, or a poll URL as the service gave it.
    :param read: turns the JSON object of the answer into a typed object.
    :param body: the JSON to send.
    :param params: the query to send.
    :param fallback_url: the path to call if ``url`` belongs to another origin.
    :param error_context: the task that this call is about, for its errors.
    :param reads_headers: whether the headers of the answer may name the task.
    :param timeout: seconds that it may take as a whole; default: as the client says.
    """

    method: str
    url: str
    read: Callable[[Mapping[str, Any]], T]
    body: Mapping[str, Any] | None = field(default=None, repr=False)  # it may hold inline media
    params: Mapping[str, str] = field(default_factory=dict)
    fallback_url: str | None = None
    error_context: ErrorDetails = field(default_factory=ErrorDetails)
    reads_headers: bool = False
    timeout: float | None = None


def submit_video(request: VideoRequest) -> Call[Task]:
    """Create a video: the one call that costs money."""

    def read(payload: Mapping[str, Any]) -> Task:
        if not (found := identify(payload)):
            raise MissingTaskError(
                f"The create was answered with neither an id nor a poll URL: {describe_answer(payload)}"
            )
        return Task.read(payload, *found)

    return Call("POST", "/v1/videos/generations", read, body=request.body(), reads_headers=True)


def get_task(poll_url: str | None, task_id: str | None = None, timeout: float = POLL_TIMEOUT) -> Call[Task]:
    """
    Poll a task.

    :param poll_url: as the create answer gave it; without one the canonical path of ``task_id`` is asked.
    :param task_id: where it is not the last part of the poll URL.
    :param timeout: seconds that the poll may take as a whole, however slowly its answer arrives.
    :raises InvalidRequestError: if neither names a task.
    """
    if not (poll_url or task_id):
        raise InvalidRequestError("A task is polled by its poll URL or its id, and neither was given")
    task_id = task_id or task_id_of(poll_url or "") or ""
    canonical = canonical_poll_url(task_id)
    poll_url = poll_url or canonical
    return Call(
        "GET",
        poll_url,
        lambda payload: _read_poll(payload, task_id, poll_url),
        fallback_url=canonical,
        error_context={"task_id": task_id, "poll_url": poll_url},
        timeout=timeout,
    )


def _read_poll(payload: Mapping[str, Any], task_id: str, poll_url: str) -> Task:
    """
    Parse the answer to a poll.

    :raises UnreadableAnswerError: if it says nothing of the task's status, or is about another task.
    """
    if isinstance(payload.get("error"), dict) and not read_text(payload.get("status")):
        raise UnreadableAnswerError(f"The poll was answered with an error: {describe_answer(payload)}")
    if _is_another_task(payload, task_id, poll_url):
        raise UnreadableAnswerError(f"The answer is about another task than {task_id}: {describe_answer(payload)}")
    return Task.read(payload, task_id, poll_url)


def _is_another_task(payload: Mapping[str, Any], task_id: str, poll_url: str) -> bool:
    """Say whether an answer names another task; an id that was only guessed from an opaque poll URL proves nothing."""
    named = {name for field in ("id", "task_id") if (name := read_text(payload.get(field)))}
    is_guessed = task_id == task_id_of(poll_url) and not _ENDS_WITH_ID.search(poll_url.partition("?")[0])
    return bool(named) and task_id not in named and not is_guessed


def cancel_task(task_id: str) -> Call[Task]:
    """Cancel a task that is still queued; most models do not allow it."""
    poll_url = canonical_poll_url(task_id)
    return Call(
        "DELETE",
        poll_url,
        lambda payload: Task.read(payload, task_id, poll_url),
        error_context={"task_id": task_id, "poll_url": poll_url},
    )


def list_models(
    category: str | None = "video", recommended_for: str | None = None, provider: str | None = None
) -> Call[list[Model]]:
    """List the models; with ``recommended_for="video"`` sorted by their success rate of the last 24 hours."""
    given = {"category": category, "recommended_for": recommended_for, "provider": provider}
    params = {name: value for name, value in given.items() if value}
    return Call("GET", "/v1/models", lambda payload: read_items(payload, Model.read), params=params)


def get_model(model: str) -> Call[Model]:
    """Look up one model with its public contract."""

    def read(payload: Mapping[str, Any]) -> Model:
        found = Model.read(payload)
        if found is None:
            raise UnreadableAnswerError(f"The answer about the model {model!r} names no model")
        return found

    return Call("GET", f"/v1/models/{quote(model, safe='')}", read)


def get_pricing(model: str | None = None) -> Call[list[ModelPrice]]:
    """Look up today's prices of one model, or of all of them."""

    def read(payload: Mapping[str, Any]) -> list[ModelPrice]:
        return read_items(payload, lambda item: ModelPrice.read(item, payload.get("currency")))

    return Call("GET", "/v1/pricing", read, params={"model": model} if model else {})


def get_model_pricing(model: str) -> Call[list[ModelPrice]]:
    """Look up today's prices of one model in full: a list, or one object."""

    def read(payload: Mapping[str, Any]) -> list[ModelPrice]:
        data = payload.get("data")
        items = data if isinstance(data, list) else [data if isinstance(data, dict) else payload]
        named = [{**item, "model": item.get("model") or model} for item in items if isinstance(item, dict)]
        return [price for item in named if (price := ModelPrice.read(item, payload.get("currency")))]

    return Call("GET", f"/v1/models/{quote(model, safe='')}/pricing", read)


def read_items(
    payload: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T | None], name: str = "data"
) -> list[T]:
    """Parse the entries of a list answer, and leave out those that are none."""
    data = payload.get(name)
    items = data if isinstance(data, list) else []
    return [found for item in items if isinstance(item, dict) and (found := read(item)) is not None]
