"""
One poll hub per key: all waits with it share one client and one schedule, and none has a timer of its own.

What is looked at next is decided in :mod:`lemondata_provider.triggers.schedule`, when a task is likely to end in
:mod:`lemondata_provider.api.forecast`; here requests are sent, and their answers handed to whom they concern.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import AnswerLostError, LemonDataError, RateLimitError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.models import Task
from lemondata_provider.api.pacing import WINDOW, Budget, RateLimit
from lemondata_provider.api.polling import Ended, LookAgain, Step, Wait
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.triggers.metrics import Metrics, Stats
from lemondata_provider.triggers.schedule import Entry, Schedule

log = logging.getLogger(__name__)

EAGER = 0.4  # the part of a poll interval after which a task is looked at again while the rate limit has room
MOST_IN_FLIGHT = 256  # requests at a time: paced, they are two or three unless answers are slow
MODELS = 64  # whose ends are remembered
HOLD_SECONDS = 1.0  # after a 429 that does not say how long
LONGEST_HOLD = 2 * WINDOW  # whatever a 429 says: a rate limit is over in a minute, and deadlines have to be kept


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    One task to wait for.

    :param task_id: LemonData's id of the task.
    :param poll_url: where it is looked at.
    :param lemondata_conn_id: the connection.
    :param poll_interval: the pause aimed at between two looks, in seconds.
    :param deadline: Unix seconds at which the wait ends.
    :param model: which model generates, if that is known.
    :param created: Unix seconds at which the task was created, if that is known.
    """

    task_id: str
    poll_url: str
    lemondata_conn_id: str
    poll_interval: float
    deadline: float
    model: str | None = None
    created: float | None = None


@dataclass(slots=True, eq=False)
class _Watch:
    wait: Wait
    model: str
    lemondata_conn_id: str
    done: asyncio.Future[Ended | None]
    context: contextvars.Context  # of the trigger: what is logged in it stands in its task's log
    entry: Entry[_Watch] | None = None


async def _nothing(_: str) -> None:
    """Do nothing."""


@dataclass
class Hub:
    """
    The waits with one key in one event loop.

    :param settings: the connection that it was first reached by.
    :param stats: Airflow's statistics.
    :param on_refused: is told the connection whose key was refused, and looks it up again: it may have another one.
    :param make_client: makes the client.
    :param look_seconds: how long one look may take, however slowly its answer drips in.
    """

    settings: ConnectionSettings
    stats: Stats
    on_refused: Callable[[str], Awaitable[None]] = _nothing
    make_client: Callable[..., AsyncClient] = AsyncClient
    look_seconds: float = 30.0
    _watches: set[_Watch] = field(default_factory=set, init=False)
    _looks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _closing: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _forecasts: OrderedDict[str, Forecast] = field(default_factory=OrderedDict, init=False)
    _client: AsyncClient | None = field(default=None, init=False)
    _driver: asyncio.Task[None] | None = field(default=None, init=False)
    _warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._budget = Budget(self.settings.requests_per_minute, self.settings.triggerers)
        self._schedule: Schedule[_Watch] = Schedule(self._budget)
        self._wake = asyncio.Event()
        self._metrics = Metrics(self.stats)

    def __len__(self) -> int:
        return len(self._watches)

    async def follow(self, waiting: Waiting, asked_at: float | None = None) -> Ended | None:
        """
        Wait for the end of a task; nothing comes back where its connection has to be looked up again.

        :param waiting: the task.
        :param asked_at: Unix seconds of the last request about it, which used the rate limit; default: long ago.
        """
        watch = self._join(waiting, asked_at or 0.0)
        try:
            return await watch.done
        finally:
            self._leave(watch)

    def release(self, lemondata_conn_id: str) -> None:
        """Send away all waits of a connection: it has another key now."""
        for watch in self._watches:
            if watch.lemondata_conn_id == lemondata_conn_id and not watch.done.done():
                watch.done.set_result(None)

    def adopt(self, settings: ConnectionSettings) -> None:
        """Go by what the connection says now; the key is the same."""
        self._budget.change(settings.requests_per_minute, settings.triggerers)
        if settings.client_arguments() != self.settings.client_arguments():
            self._close_client(self.look_seconds)
        self.settings = settings

    def _join(self, waiting: Waiting, asked_at: float) -> _Watch:
        loop, now = asyncio.get_running_loop(), time.time()
        ago = max(now - asked_at, 0.0)
        if ago < WINDOW:
            self._budget.count_elsewhere(loop.time() - ago)
        model = waiting.model or ""
        wait = Wait(
            waiting.task_id,
            waiting.poll_url,
            poll_interval=waiting.poll_interval,
            deadline=waiting.deadline,
            created=waiting.created,
            pause=EAGER * waiting.poll_interval,
            forecast=self._forecast(model),
        )
        watch = _Watch(wait, model, waiting.lemondata_conn_id, loop.create_future(), contextvars.copy_context())
        self._plan(watch, wait.start(now, self._turn()))
        self._watches.add(watch)
        if self._driver is None or self._driver.done():
            # Not in the context of the trigger that happens to be the first: what concerns all is not for its log.
            self._driver = contextvars.Context().run(asyncio.ensure_future, self._drive())
        return watch

    def _leave(self, watch: _Watch) -> None:
        self._watches.discard(watch)
        if watch.entry is not None:
            self._schedule.discard(watch.entry)
        if not self._watches:
            self._stop()

    def _stop(self) -> None:
        """End with the last wait; what was learned and what was sent in the last minute stay."""
        for task in (self._driver, *self._looks, *self._closing):  # those that close do so at once
            if task is not None:
                task.cancel()
        self._driver = None
        self._schedule = Schedule(self._budget)
        self._warned = False
        self._close_client()

    def _close_client(self, delay: float = 0.0) -> None:
        """Close the client in the background: no wait that has ended waits for that."""
        client, self._client = self._client, None
        if client is not None:
            self._closing.add(closing := asyncio.ensure_future(_close(client, delay)))
            closing.add_done_callback(self._closing.discard)

    def _forecast(self, model: str) -> Forecast:
        forecast = self._forecasts.setdefault(model, Forecast())
        self._forecasts.move_to_end(model)
        if len(self._forecasts) > MODELS:
            self._forecasts.popitem(last=False)
        return forecast

    def _turn(self) -> float:
        return self._schedule.turn(len(self._watches))

    def _plan(self, watch: _Watch, step: LookAgain) -> None:
        due = asyncio.get_running_loop().time() + step.delay
        watch.entry = self._schedule.put(watch, due, step.foretold)
        self._wake.set()

    async def _drive(self) -> None:
        """Begin each look when its time has come; the one timer of all waits is here."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                has_room = len(self._looks) < MOST_IN_FLIGHT
                at = self._schedule.next_at(loop.time()) if has_room else None
                if at is not None and at <= loop.time() and (watch := self._schedule.take(loop.time())) is not None:
                    self._begin(watch)
                    continue
                self._warn_of_overload()
                timer = loop.call_at(at, self._wake.set) if at is not None else None
                await self._wake.wait()
                if timer is not None:
                    timer.cancel()
        except Exception as error:  # nobody would ever look again
            log.exception("The poll hub broke")
            for watch in self._watches:
                if not watch.done.done():
                    watch.done.set_exception(error)
            self._driver = None

    def _begin(self, watch: _Watch) -> None:
        watch.entry = None
        look = watch.context.run(asyncio.ensure_future, self._look(watch))
        self._looks.add(look)
        look.add_done_callback(self._looked)

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looks.discard(look)
        self._wake.set()

    async def _look(self, watch: _Watch) -> None:
        """Send exactly one request; it is repeated by the schedule only."""
        try:
            step = await self._step(watch)
        except Exception as error:  # noqa: BLE001 # it rises where the task is waited for
            if not watch.done.done():
                watch.done.set_exception(error)
            return
        if watch.done.done():
            return
        if isinstance(step, Ended):
            watch.done.set_result(step)
            return
        if step.needs_connection:
            await self.on_refused(watch.lemondata_conn_id)
        if not watch.done.done():
            self._plan(watch, step)

    async def _step(self, watch: _Watch) -> Step:
        wait = watch.wait
        self._metrics.polled()
        try:
            task = await self._answer(watch)
        except LemonDataError as error:
            if isinstance(error, RateLimitError):
                self._slow_down(error)
            log.warning("Task %s could not be looked at: %s", wait.task_id, error)
            return wait.failed(error, time.time())
        now = time.time()
        if news := wait.news(task, now):
            log.info(news)
        step = wait.answered(task, now, self._turn())
        wait.seen = None  # ten thousand parked waits would hold as many answers
        if isinstance(step, Ended) and step.task is not None:
            self._metrics.ended(step.task, watch.model, now)
        return step

    async def _answer(self, watch: _Watch) -> Task:
        if self._client is None:
            self._client = self.make_client(**self.settings.client_arguments(), on_rate_limit=self._heard)
        look = asyncio.current_task()
        late = asyncio.get_running_loop().call_later(self.look_seconds, look.cancel if look else lambda: None)
        try:
            return await self._client.send_once(calls.get_task(watch.wait.poll_url, watch.wait.task_id))
        except asyncio.CancelledError:
            if watch.done.done():  # by the end of the hub, and not by the timer
                raise
            raise AnswerLostError(f"No whole answer within {self.look_seconds:g} s") from None
        except LemonDataError:
            raise
        except Exception as error:  # whatever a client breaks by: the video is paid for, and another client may do
            log.exception("The client broke")
            self._close_client()
            raise AnswerLostError(f"The client broke: {type(error).__name__}: {error}") from None
        finally:
            late.cancel()

    def _heard(self, limit: RateLimit) -> None:
        self._budget.correct(limit, asyncio.get_running_loop().time())

    def _slow_down(self, error: RateLimitError) -> None:
        """Let nobody ask before the time that the service named: the limit is that of the key."""
        now = asyncio.get_running_loop().time()
        self._metrics.rate_limited()
        self._budget.exhaust(now)
        asked = HOLD_SECONDS if error.retry_after is None else error.retry_after
        self._budget.hold(now + min(asked, LONGEST_HOLD))

    def _warn_of_overload(self) -> None:
        tasks, allowed = len(self._watches), self._budget.allowed
        if self._warned or tasks <= allowed:
            return
        self._warned = True
        log.warning(
            "%d tasks are waited for with %.0f requests a minute: one look at each takes %.0f s, so finished videos "
            "are noticed late. Let fewer run at a time (a pool that counts deferred tasks), or get a higher rate limit "
            "and name it as requests_per_minute in the connection.",
            tasks,
            allowed,
            WINDOW * tasks / allowed,
        )


async def _close(client: AsyncClient, delay: float) -> None:
    """Close a client, after a delay in which the requests that it has on their way can end."""
    try:
        await asyncio.sleep(delay)
    finally:
        with suppress(Exception):  # what was seen counts, not how the connection closed
            await client.close()
