"""
One poll hub per API key: all waits with the key share one client, one rate limiter and one schedule.

:mod:`lemondata_provider.triggers.schedule` decides which task is polled next,
:mod:`lemondata_provider.api.forecast` predicts its end; the hub sends the polls and hands out their results.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import LemonDataError, RateLimitError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.pauses import MAX_RETRY_AFTER
from lemondata_provider.api.polling import Completed, Failed, PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.rate_limiter import WINDOW, RateLimit, RateLimiter
from lemondata_provider.api.task import Task
from lemondata_provider.hooks.metrics import Metrics
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.triggers.schedule import MIN_INTERVAL_SHARE, Entry, Schedule
from lemondata_provider.triggers.shared_client import SharedClient

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 256  # requests at a time: two or three, unless answers are slow
MAX_TIMER_SECONDS = 10 * 365 * 86_400.0  # a later deadline is none
MAX_FORECASTS = 64  # models whose ends are remembered
DEFAULT_PAUSE_SECONDS = 1.0  # after a 429 without Retry-After
FIRST_POLL_SECONDS = 2 * WINDOW  # for the only poll of a wait that begins after its deadline, as after an outage


OnTask = Callable[[Task, float], None]


@dataclass(slots=True, eq=False)
class _Watch:
    poller: TaskPoller
    done: asyncio.Future[Completed | Failed | None]
    context: contextvars.Context  # of the trigger, so that log lines reach the log of its task instance
    entry: Entry[_Watch] | None = None
    timer: asyncio.TimerHandle | None = None  # of the deadline, which needs no turn and no answer
    on_task: OnTask | None = None

    @property
    def wait(self) -> TaskWait:
        return self.poller.wait

    def end(self, end: Completed | Failed | Exception | None) -> None:
        """Return a result from the wait, or raise an error there, unless it has ended already."""
        if self.done.done():
            return
        if isinstance(end, Exception):
            self.done.set_exception(end)
        else:
            self.done.set_result(end)


class PollHub:
    """
    The waits with one API key in one event loop.

    :param settings: the connection.
    :param metrics: of all hubs.
    :param on_key_refused: resolves the connection with this id again, because its key was refused.
    :param make_client: makes the client.
    :param poll_timeout: the total seconds of one poll, however slowly its answer arrives.
    :param last_poll_seconds: after a deadline, for its poll, whatever rate limit or server stand in the way.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        metrics: Metrics,
        on_key_refused: Callable[[str], Awaitable[None]] | None = None,
        make_client: Callable[..., AsyncClient] = AsyncClient,
        poll_timeout: float = calls.POLL_TIMEOUT,
        last_poll_seconds: float = 3.0,
    ) -> None:
        self.settings = settings
        self.poll_timeout = poll_timeout
        self._last_poll_seconds = last_poll_seconds
        self._metrics = metrics
        self._on_key_refused = on_key_refused
        self._make_client = make_client
        self._client = SharedClient(self._new_client)
        self._limiter = RateLimiter(settings.requests_per_minute, settings.triggerers)
        self._schedule: Schedule[_Watch] = Schedule(self._limiter)
        self._forecasts: OrderedDict[str, Forecast] = OrderedDict()
        self._no_forecast = Forecast(learns=False)
        self._watches: set[_Watch] = set()
        self._polls: set[asyncio.Future[None]] = set()
        self._in_flight = 0
        self._loop: asyncio.Task[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._warned = False

    def __len__(self) -> int:
        return len(self._watches)

    async def wait_for(
        self, wait: TaskWait, last_request_at: float | None = None, on_task: OnTask | None = None
    ) -> Completed | Failed | None:
        """
        Wait until the task ends. Return ``None`` if the connection changed and must be resolved again.

        :param wait: the task.
        :param last_request_at: Unix seconds of the last request about it, which used the rate limit; default: long ago.
        :param on_task: called with each answer about it and its Unix seconds; it must neither block nor raise.
        """
        watch = self._join(wait, last_request_at or 0.0)
        watch.on_task = on_task
        try:
            return await watch.done
        finally:
            self._leave(watch)

    def detach(self, lemondata_conn_id: str) -> None:
        """End all waits of a connection with ``None``: the connection has another key now."""
        for watch in self._watches:
            if watch.wait.lemondata_conn_id == lemondata_conn_id:
                watch.end(None)

    def apply_settings(self, settings: ConnectionSettings) -> None:
        """Use new settings of the connection; the key is the same."""
        if settings != self.settings:
            self._client.retire()
        self._limiter.set_limit(settings.requests_per_minute, settings.triggerers)
        self.settings = settings
        self._wake()

    def _join(self, wait: TaskWait, last_request_at: float) -> _Watch:
        loop, now = asyncio.get_running_loop(), time.time()
        age = max(now - last_request_at, 0.0)
        if age < WINDOW:
            self._limiter.record_external(loop.time() - age)
        poller = TaskPoller(
            wait, min_interval=MIN_INTERVAL_SHARE * wait.poll_interval, forecast=self._forecast(wait.model)
        )
        watch = _Watch(poller, loop.create_future(), contextvars.copy_context())
        patience = wait.deadline - now + self._last_poll_seconds if wait.deadline > now else FIRST_POLL_SECONDS
        if patience < MAX_TIMER_SECONDS:
            watch.timer = loop.call_later(patience, lambda: watch.end(poller.timed_out()))
        self._plan(watch, poller.start(now, self._round_seconds()))
        self._watches.add(watch)
        if self._loop is None:
            # In a context of its own: what concerns all waits does not belong into the log of the first one.
            self._loop = contextvars.Context().run(loop.create_task, self._run())
        return watch

    def _leave(self, watch: _Watch) -> None:
        watch.done.cancel()
        if watch.timer is not None:
            watch.timer.cancel()
        self._watches.discard(watch)
        if watch.entry is not None:
            self._schedule.discard(watch.entry)
        if not self._watches:
            self._stop()

    def _stop(self) -> None:
        """End with the last wait; the forecasts and the requests of the last minute stay."""
        for task in (self._loop, *self._polls):
            if task is not None:
                task.cancel()
        self._loop = None
        self._schedule = Schedule(self._limiter)
        self._warned = False
        self._client.retire()

    def _forecast(self, model: str | None) -> Forecast:
        if not model:
            return self._no_forecast
        forecast = self._forecasts.setdefault(model, Forecast())
        self._forecasts.move_to_end(model)
        if len(self._forecasts) > MAX_FORECASTS:
            self._forecasts.popitem(last=False)
        return forecast

    def _round_seconds(self) -> float:
        return self._schedule.round_seconds(len(self._watches))

    def _plan(self, watch: _Watch, result: PollAgain) -> None:
        due = asyncio.get_running_loop().time() + result.delay
        is_last = time.time() + result.delay >= watch.wait.deadline
        watch.entry = self._schedule.put(watch, due, result.predicted or is_last)
        self._wake()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    async def _run(self) -> None:
        """Start each poll when it is due and the rate limit allows it."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._warn_if_overloaded()
                now, has_room = loop.time(), self._in_flight < MAX_IN_FLIGHT
                if has_room and (watch := self._schedule.take(now)) is not None:
                    self._start_poll(watch)
                next_at = self._schedule.next_at(now) if has_room else None
                self._wakeup = loop.create_future()
                await asyncio.wait({self._wakeup}, timeout=None if next_at is None else max(next_at - loop.time(), 0.0))
        except Exception as error:  # without this loop no wait would ever end
            log.exception("The poll hub broke")
            self._loop = None  # the next wait begins another one
            for watch in self._watches:
                watch.end(error)

    def _start_poll(self, watch: _Watch) -> None:
        watch.entry = None
        poll = watch.context.run(asyncio.ensure_future, self._poll(watch))
        self._polls.add(poll)
        poll.add_done_callback(self._polls.discard)

    async def _poll(self, watch: _Watch) -> None:
        """Send exactly one request; only the schedule repeats it."""
        try:
            result = await self._result(watch)
            key_refused = isinstance(result, PollAgain) and result.needs_fresh_connection
            if self._on_key_refused and key_refused and not watch.done.done():
                await self._on_key_refused(watch.wait.lemondata_conn_id)
        except Exception as error:  # noqa: BLE001 # it rises in the trigger that waits for the task
            watch.end(error)
            return
        if not isinstance(result, PollAgain):
            watch.end(result)
        elif not watch.done.done():
            self._plan(watch, result)

    async def _result(self, watch: _Watch) -> PollResult:
        poller, wait = watch.poller, watch.wait
        self._metrics.polled()
        self._in_flight += 1
        try:
            task = await self._client.send(calls.get_task(wait.poll_url, wait.task_id, self.poll_timeout))
        except LemonDataError as error:
            return self._on_error(poller, error)
        finally:
            self._in_flight -= 1
            self._wake()
        now = time.time()
        if not wait.model and task.model:
            poller.forecast = self._forecast(task.model)
        if message := poller.progress_message(task, now):
            log.info(message)
        if watch.on_task is not None:
            watch.on_task(task, now)
        result = poller.on_task(task, now, self._round_seconds())
        poller.last_task = None  # ten thousand parked waits would hold as many answers
        if isinstance(result, Completed):
            self._metrics.ended(task, wait.model or "", now)
        return result

    def _on_error(self, poller: TaskPoller, error: LemonDataError) -> PollResult:
        if isinstance(error, RateLimitError):
            self._on_rate_limited(error)
        if message := poller.error_message(error):
            log.warning(message)
        return poller.on_error(error, time.time())

    def _on_rate_limit_headers(self, limit: RateLimit) -> None:
        self._limiter.apply_headers(limit, asyncio.get_running_loop().time())
        self._wake()

    def _on_rate_limited(self, error: RateLimitError) -> None:
        """Pause all polls for as long as the service asks: the rate limit is that of the key."""
        now = asyncio.get_running_loop().time()
        self._metrics.rate_limited()
        self._limiter.on_rate_limited(now)
        pause = DEFAULT_PAUSE_SECONDS if error.retry_after is None else error.retry_after
        self._limiter.pause_until(now + min(pause, MAX_RETRY_AFTER))

    def _new_client(self) -> AsyncClient:
        arguments: dict[str, Any] = self.settings.client_arguments()
        return self._make_client(**arguments, on_rate_limit=self._on_rate_limit_headers)

    def _warn_if_overloaded(self) -> None:
        tasks, allowed = len(self._watches), self._limiter.allowed
        if self._warned or tasks <= allowed:
            return
        self._warned = True
        log.warning(
            "%d tasks wait with %.0f requests a minute: one poll of each takes %.0f s, so ends are detected late. "
            "Let fewer run at a time (a pool that counts deferred tasks), or get a higher rate limit and set it as "
            "requests_per_minute in the connection.",
            tasks,
            allowed,
            WINDOW * tasks / allowed,
        )
