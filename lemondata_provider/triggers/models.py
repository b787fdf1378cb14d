"""The trigger that reports new models. Source: https://docs.lemondata.cc (list-models)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import timedelta
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from lemondata_provider.api import calls
from lemondata_provider.api.models import Model
from lemondata_provider.api.pauses import pause_after_failure
from lemondata_provider.api.redaction import redact
from lemondata_provider.catalog import load
from lemondata_provider.hooks.arguments import connection_id, in_seconds, names_of_models
from lemondata_provider.hooks.lemondata import LemonDataHook

RETRY_SECONDS = 5.0  # the first pause after a failure; it doubles up to a minute
POLL_TIMEOUT = 300.0  # seconds of one poll with its lookup: a hanging secrets backend must not end the watch


class ModelReleasedTrigger(BaseEventTrigger):
    """
    Watch the service's list of video models, for an :class:`~airflow.sdk.AssetWatcher`.

    It sends one event for all models that are new at a poll: ``{"models": [{"model": "…", "operations": ["…"]}]}``. It
    never ends: after an error it logs a warning and polls again. A triggerer that restarts it begins with ``known``
    again, so an event for the same models may come more than once.

    Source: https://docs.lemondata.cc (list-models).

    :param lemondata_conn_id: the connection; its key is never among the arguments.
    :param known: names of models that are not new; default: the models of the package's own catalog.
    :param interval: the pause between two polls, in seconds or as a timedelta; default one hour.
    :raises InvalidRequestError: an argument is invalid.
    """

    sleep: Callable[[float], Awaitable[None]] = staticmethod(asyncio.sleep)

    def __init__(
        self,
        *,
        lemondata_conn_id: str = LemonDataHook.default_conn_name,
        known: Collection[str] | None = None,
        interval: float | timedelta = 3600.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.lemondata_conn_id = connection_id("lemondata_conn_id", lemondata_conn_id)
        given = [model.id for model in load().models] if known is None else known
        names = names_of_models("known", list(given) if isinstance(given, (set, frozenset)) else given)
        self.known = sorted(set(names))  # Airflow identifies the trigger of a watcher by its arguments
        self.interval = in_seconds("interval", interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the arguments of the trigger; none is secret."""
        arguments = {"lemondata_conn_id": self.lemondata_conn_id, "known": self.known, "interval": self.interval}
        return "lemondata_provider.triggers.models.ModelReleasedTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for ever, and send an event whenever there are new models."""
        known, failures, last_problem = set(self.known), 0, ""
        while True:
            try:
                models = await asyncio.wait_for(self.list_models(), POLL_TIMEOUT)
            except Exception as error:  # noqa: BLE001 # a watcher whose trigger has ended is silent for ever
                failures += 1
                pause = pause_after_failure(error, failures, RETRY_SECONDS, random.random)
                problem = redact(f"{type(error).__name__}: {error}")
                if problem != last_problem:  # an outage of a day is one line
                    self.log.warning("Listing the models failed (will retry): %s", problem)
                last_problem = problem
            else:
                failures, last_problem, pause = 0, "", self.interval
                new = {model.id: model for model in models if model.id not in known}
                if new:
                    known |= new.keys()
                    self.log.info("New models: %s", ", ".join(map(redact, new)))
                    yield _event(new.values())
            await self.sleep(pause)

    async def list_models(self) -> list[Model]:
        """Return the service's video models; the connection is looked up each time, since keys rotate."""
        async with await LemonDataHook(self.lemondata_conn_id).get_async_conn() as client:
            return await client.send_once(calls.list_models())


def _event(models: Collection[Model]) -> TriggerEvent:
    """Return one event for all models: of several at once, Airflow may start a run for the first only."""
    listed = [{"model": model.id, "operations": list(model.supported_operations)} for model in models]
    return TriggerEvent(redact({"models": listed}))  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
