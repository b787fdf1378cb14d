"""The poll hubs of one event loop, and the connections that lead to them: resolved once a minute, not by each wait."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable

from lemondata_provider.api.errors import ConnectionFailedError, LemonDataError
from lemondata_provider.api.polling import Completed, Failed, TaskPoller, TaskWait
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.metrics import Metrics
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.hooks.version_compat import airflow_stats
from lemondata_provider.triggers.poll_hub import OnTask, PollHub
from lemondata_provider.triggers.progress import ProgressWriter, WatchedTask

log = logging.getLogger(__name__)

LOOKUP_TIMEOUT = 60.0  # seconds of one lookup of a connection
MAX_IDLE_HUBS = 32  # hubs without a wait that keep their forecasts

LookUp = Callable[[str], Awaitable[ConnectionSettings]]


async def _look_up(lemondata_conn_id: str) -> ConnectionSettings:
    return await LemonDataHook(lemondata_conn_id).aget_settings()


class HubRegistry:
    """
    All poll hubs of one event loop.

    :param look_up: resolves a connection.
    :param metrics: default: those of Airflow.
    :param make_hub: makes a hub.
    :param refresh_seconds: seconds after which each connection is resolved again.
    :param last_lookup_seconds: after a deadline, to resolve the connection for its poll.
    """

    def __init__(
        self,
        look_up: LookUp = _look_up,
        metrics: Metrics | None = None,
        make_hub: Callable[..., PollHub] = PollHub,
        refresh_seconds: float = 45.0,  # a changed connection takes effect within a minute
        last_lookup_seconds: float = 3.0,
    ) -> None:
        self._look_up = look_up
        self._metrics = metrics or Metrics(airflow_stats())
        self._make_hub = make_hub
        self._refresh_seconds = refresh_seconds
        self._last_lookup_seconds = last_lookup_seconds
        self._hubs: OrderedDict[tuple[str, str], PollHub] = OrderedDict()
        self._settings: dict[str, asyncio.Future[ConnectionSettings]] = {}
        self._in_use: Counter[str] = Counter()
        self._renewing: dict[str, asyncio.Future[None]] = {}
        self._refresher: asyncio.Task[None] | None = None
        self.progress = ProgressWriter()

    async def wait_for(
        self, wait: TaskWait, last_request_at: float | None = None, on_task: OnTask | None = None
    ) -> Completed | Failed:
        """
        Wait until the task ends, with the connection as it is at any time.

        :param wait: the task.
        :param last_request_at: Unix seconds of the last request about it; default: long ago.
        :param on_task: see :meth:`PollHub.wait_for`.
        """
        conn_id = wait.lemondata_conn_id
        self._enter(conn_id)
        try:
            while True:
                hub = await self._hub(wait)
                if isinstance(hub, Failed):
                    return hub
                end = await hub.wait_for(wait, last_request_at, on_task)
                if end is not None:
                    return end
                last_request_at = None  # it was counted already
        finally:
            self._exit(conn_id)

    def watched(self, task_instance: TaskInstanceKey) -> WatchedTask:
        """Return what writes the progress of the task that a task instance waits for."""
        return WatchedTask(task_instance, self.progress)

    def _enter(self, conn_id: str) -> None:
        self._in_use[conn_id] += 1
        self._metrics.waiting(self._in_use.total())
        if self._refresher is None:
            self._refresher = contextvars.Context().run(asyncio.ensure_future, self._refresh())

    def _exit(self, conn_id: str) -> None:
        self._in_use[conn_id] -= 1
        self._metrics.waiting(self._in_use.total())
        if not self._in_use[conn_id]:
            del self._in_use[conn_id]
            self._settings.pop(conn_id, None)
        if not self._in_use and self._refresher is not None:
            self._refresher.cancel()
            self._refresher = None

    async def _hub(self, wait: TaskWait) -> PollHub | Failed:
        """Return the hub of a connection; if the connection is not usable, try again until the wait ends."""
        poller = TaskPoller(wait)
        while True:
            try:
                return self._hub_for(await self._resolve(wait))
            except LemonDataError as error:
                if message := poller.error_message(error):
                    log.warning(message)
                result = poller.on_error(error, time.time())
            if isinstance(result, Failed):
                return result
            await asyncio.sleep(result.delay)

    async def _resolve(self, wait: TaskWait) -> ConnectionSettings:
        """
        Return the settings of a wait's connection; concurrent waits share one lookup, until each one's deadline.

        :raises LemonDataError: if it could not be looked up.
        """
        conn_id = wait.lemondata_conn_id
        settings = self._settings.get(conn_id)
        if settings is None or (settings.done() and (settings.cancelled() or settings.exception())):
            settings = self._settings[conn_id] = asyncio.ensure_future(self._fetch(conn_id))
            settings.add_done_callback(lambda done: done.cancelled() or done.exception())  # every caller may have left
        rest = max(wait.deadline - time.time(), 0.0) + self._last_lookup_seconds
        # Not cancelled by a wait that leaves: others may need it.
        await asyncio.wait({settings}, timeout=min(rest, LOOKUP_TIMEOUT + 1))
        if not settings.done():
            raise ConnectionFailedError(f"Connection {conn_id!r} was not looked up before the deadline")
        return settings.result()

    async def _fetch(self, conn_id: str) -> ConnectionSettings:
        """
        Look a connection up, within a timeout.

        :raises LemonDataError: whatever the lookup fails with.
        """
        try:
            return await asyncio.wait_for(self._look_up(conn_id), LOOKUP_TIMEOUT)
        except LemonDataError:
            raise
        except Exception as error:  # noqa: BLE001 # a secrets backend may raise anything
            reason = f"{type(error).__name__}: {error}" if str(error) else f"no answer within {LOOKUP_TIMEOUT:g} s"
            raise ConnectionFailedError(f"Connection {conn_id!r} could not be looked up: {reason}") from None

    def _hub_for(self, settings: ConnectionSettings) -> PollHub:
        hub = self._hubs.get(settings.key)
        if hub is None:
            hub = self._hubs[settings.key] = self._make_hub(settings, self._metrics, self.renew)
        elif not len(hub) and hub.settings != settings:
            hub.apply_settings(settings)  # the connection changed while no task waited
        self._hubs.move_to_end(settings.key)
        for key in [key for key, other in self._hubs.items() if not len(other)][:-MAX_IDLE_HUBS]:
            del self._hubs[key]
        return hub

    async def _refresh(self) -> None:
        """Resolve all connections again, again and again."""
        while True:
            await asyncio.sleep(self._refresh_seconds)
            await asyncio.gather(*(self.renew(conn_id) for conn_id in list(self._in_use)))

    async def renew(self, conn_id: str) -> None:
        """Resolve a connection again, once for all concurrent callers, and use its new settings."""
        renewing = self._renewing.get(conn_id)
        if renewing is None:
            renewing = self._renewing[conn_id] = asyncio.ensure_future(self._renew(conn_id))
            renewing.add_done_callback(lambda _: self._renewing.pop(conn_id, None))
        await asyncio.shield(renewing)

    async def _renew(self, conn_id: str) -> None:
        current = self._settings.get(conn_id)
        if current is None or not current.done() or current.cancelled() or current.exception():
            return  # the waits resolve it themselves
        before = current.result()
        fetching = asyncio.ensure_future(self._fetch(conn_id))
        try:
            after = await fetching
        except LemonDataError as error:
            log.warning("%s; the last known settings stay in use", error)
            return
        if after == before or conn_id not in self._in_use:
            return
        self._settings[conn_id] = fetching
        hub = self._hubs.get(before.key)
        if hub is None:
            return
        if after.key == before.key:
            hub.apply_settings(after)
        else:
            log.info("The connection %s has another key now", conn_id)
            hub.detach(conn_id)


_REGISTRIES: dict[asyncio.AbstractEventLoop, HubRegistry] = {}


def registry_for_running_loop() -> HubRegistry:
    """Return the registry of the running event loop: its futures and clients work in no other."""
    loop = asyncio.get_running_loop()
    if loop not in _REGISTRIES:
        for other in [other for other in _REGISTRIES if other.is_closed()]:
            del _REGISTRIES[other]
        _REGISTRIES[loop] = HubRegistry()
    return _REGISTRIES[loop]
