"""The poll hubs of an event loop, and the connections that lead to them: looked up once a minute, not by each wait."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable

from airflow.observability.stats import Stats as AirflowStats

from lemondata_provider.api.errors import ConnectionFailedError, LemonDataError
from lemondata_provider.api.polling import Ended, PollAgain, Step, TaskPoller
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.triggers.metrics import Metrics, Stats
from lemondata_provider.triggers.poll_hub import PollHub
from lemondata_provider.triggers.waiting import TaskWait

log = logging.getLogger(__name__)

RETRY_TIMEOUT = 60.0  # for one look-up
MAX_IDLE_HUBS = 32  # whose hubs are remembered when nobody waits any more

LookUp = Callable[[str], Awaitable[ConnectionSettings]]


async def _look_up(lemondata_conn_id: str) -> ConnectionSettings:
    return await LemonDataHook(lemondata_conn_id).aget_settings()


class HubRegistry:
    """
    All hubs of one event loop.

    :param look_up: looks a connection up.
    :param stats: Airflow's statistics.
    :param make_hub: makes a hub.
    :param refresh_seconds: after how many seconds each connection is looked up again.
    """

    def __init__(
        self,
        look_up: LookUp = _look_up,
        stats: Stats = AirflowStats,
        make_hub: Callable[..., PollHub] = PollHub,
        refresh_seconds: float = 45.0,  # a changed connection is noticed within a minute
    ) -> None:
        self._look_up = look_up
        self._stats = stats
        self._metrics = Metrics(stats)
        self._make_hub = make_hub
        self._refresh_seconds = refresh_seconds
        self._hubs: OrderedDict[tuple[str, str], PollHub] = OrderedDict()
        self._settings: dict[str, asyncio.Future[ConnectionSettings]] = {}
        self._in_use: Counter[str] = Counter()
        self._renewing: dict[str, asyncio.Future[None]] = {}
        self._refresher: asyncio.Task[None] | None = None

    async def wait_for(self, waiting: TaskWait, asked_at: float | None = None) -> Ended:
        """
        Wait for the end of a task, with the connection as it is at any time.

        :param waiting: the task.
        :param asked_at: Unix seconds of the last request about it; default: long ago.
        """
        conn_id = waiting.lemondata_conn_id
        self._enter(conn_id)
        try:
            while True:
                hub = await self._hub(waiting)
                if isinstance(hub, Ended):
                    return hub
                ended = await hub.wait_for(waiting, asked_at)
                if ended is not None:
                    return ended
                asked_at = 0.0  # it was counted already
        finally:
            self._exit(conn_id)

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

    async def _hub(self, waiting: TaskWait) -> PollHub | Ended:
        """Return the hub of a connection; where that cannot be used, try again until the wait ends."""
        wait = TaskPoller(
            waiting.task_id,
            waiting.poll_url,
            poll_interval=waiting.poll_interval,
            deadline=waiting.deadline,
        )
        while True:
            try:
                return self._hub_for(await self._known(waiting.lemondata_conn_id))
            except LemonDataError as error:
                log.warning("Task %s could not be polled: %s", waiting.task_id, error)
                step: Step = wait.on_error(error, time.time())
            if not isinstance(step, PollAgain):
                return step
            await asyncio.sleep(step.delay)

    async def _known(self, conn_id: str) -> ConnectionSettings:
        """Return what a connection says; whoever asks at the same time shares one look-up."""
        known = self._settings.get(conn_id)
        if known is None or (known.done() and (known.cancelled() or known.exception())):
            known = self._settings[conn_id] = asyncio.ensure_future(self._looked_up(conn_id))
            known.add_done_callback(lambda done: done.cancelled() or done.exception())  # all who asked may have left
        return await asyncio.shield(known)  # one that is cancelled takes nothing from the others

    async def _looked_up(self, conn_id: str) -> ConnectionSettings:
        """
        Look a connection up, for so long and no longer.

        :raises LemonDataError: whatever there is trouble with.
        """
        try:
            return await asyncio.wait_for(self._look_up(conn_id), RETRY_TIMEOUT)
        except LemonDataError:
            raise
        except Exception as error:  # noqa: BLE001 # a secrets backend may raise anything
            what = f"{type(error).__name__}: {error}" if str(error) else f"no answer within {RETRY_TIMEOUT:g} s"
            raise ConnectionFailedError(f"Connection {conn_id!r} could not be looked up: {what}") from None

    def _hub_for(self, settings: ConnectionSettings) -> PollHub:
        hub = self._hubs.get(settings.key)
        if hub is None:
            hub = self._hubs[settings.key] = self._make_hub(settings, self._stats, self.renew)
        elif not len(hub) and hub.settings != settings:
            hub.apply_settings(settings)  # it was changed while nobody waited
        self._hubs.move_to_end(settings.key)
        for key in [key for key, other in self._hubs.items() if not len(other)][:-MAX_IDLE_HUBS]:
            del self._hubs[key]
        return hub

    async def _refresh(self) -> None:
        """Look all connections up again and again."""
        while True:
            await asyncio.sleep(self._refresh_seconds)
            await asyncio.gather(*(self.renew(conn_id) for conn_id in list(self._in_use)))

    async def renew(self, conn_id: str) -> None:
        """Look a connection up again, once for all who ask at the same time, and go by what it says now."""
        renewing = self._renewing.get(conn_id)
        if renewing is None:
            renewing = self._renewing[conn_id] = asyncio.ensure_future(self._renew(conn_id))
            renewing.add_done_callback(lambda _: self._renewing.pop(conn_id, None))
        await asyncio.shield(renewing)

    async def _renew(self, conn_id: str) -> None:
        known = self._settings.get(conn_id)
        if known is None or not known.done() or known.cancelled() or known.exception():
            return  # it is being looked up by those who wait with it
        before = known.result()
        try:
            found = await self._looked_up(conn_id)
        except LemonDataError as error:
            log.warning("%s; going on as before", error)
            return
        if found == before or conn_id not in self._in_use:
            return
        self._settings[conn_id] = done = asyncio.get_running_loop().create_future()
        done.set_result(found)
        hub = self._hubs.get(before.key)
        if hub is None:
            return
        if found.key == before.key:
            hub.apply_settings(found)
        else:
            log.info("The connection %s has another key now", conn_id)
            hub.detach(conn_id)


_REGISTRIES: dict[asyncio.AbstractEventLoop, HubRegistry] = {}


def registry_for_running_loop() -> HubRegistry:
    """Return the hubs of the running event loop: what belongs to one loop cannot be used in another."""
    loop = asyncio.get_running_loop()
    if loop not in _REGISTRIES:
        for other in [other for other in _REGISTRIES if other.is_closed()]:
            del _REGISTRIES[other]
        _REGISTRIES[loop] = HubRegistry()
    return _REGISTRIES[loop]
