"""
One poll hub per key: all waits with it share one client and one schedule, and none has a timer of its own.

What is looked at next is decided in :mod:`lemondata_provider.triggers.schedule`, when a task is likely to end in
:mod:`lemondata_provider.api.forecast`; here requests are sent, and their answers handed to whom they concern.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient
from lemondata_provider.api.errors import AnswerLostError, LemonDataError, RateLimitError
from lemondata_provider.api.forecast import Forecast
from lemondata_provider.api.pacing import WINDOW, Budget, RateLimit
from lemondata_provider.api.polling import Ended, LookAgain, Step, Wait
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.triggers.metrics import Metrics, Stats
from lemondata_provider.triggers.schedule import Entry, Schedule
from lemondata_provider.triggers.shared_client import SharedClient
from lemondata_provider.triggers.waiting import Waiting

log = logging.getLogger(__name__)

EAGER = 0.4  # the part of a poll interval after which a task is looked at again while the rate limit has room
MOST_IN_FLIGHT = 256  # requests at a time: paced, they are two or three unless answers are slow
MODELS = 64  # whose ends are remembered
HOLD_SECONDS = 1.0  # after a 429 that does not say how long
LONGEST_HOLD = 2 * WINDOW  # whatever a 429 says: a rate limit is over in a minute, and deadlines have to be kept


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
    _looks: dict[asyncio.Task[None], float] = field(default_factory=dict, init=False)  # until when each may take
    _forecasts: OrderedDict[str, Forecast] = field(default_factory=OrderedDict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)
    _wakes_at: float = field(default=math.inf, init=False)  # not every event loop's timers tell it
    _warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._budget = Budget(self.settings.requests_per_minute, self.settings.triggerers)
        self._schedule: Schedule[_Watch] = Schedule(self._budget)
        self._client = SharedClient(self.settings.client_arguments(), self._heard, self.make_client)
        self._metrics = Metrics(self.stats)
        # Not that of the trigger that happens to be the first: what concerns all is not for its log.
        self._context = contextvars.Context()

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
        self._client.change(settings.client_arguments(), self.look_seconds)
        self.settings = settings
        self._wake_by(asyncio.get_running_loop().time())

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
        return watch

    def _leave(self, watch: _Watch) -> None:
        watch.done.cancel()
        self._watches.discard(watch)
        if watch.entry is not None:
            self._schedule.discard(watch.entry)
        if not self._watches:
            self._stop()

    def _stop(self) -> None:
        """End with the last wait; what was learned and what was sent in the last minute stay."""
        self._sleep()
        for look in self._looks:
            look.cancel()
        self._looks.clear()
        self._schedule = Schedule(self._budget)
        self._warned = False
        self._client.end()

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
        self._wake_by(due)

    def _wake_by(self, at: float) -> None:
        """Go on at that instant at the latest; the one timer of all waits is here."""
        if at < self._wakes_at:
            self._sleep()
            self._timer = asyncio.get_running_loop().call_at(at, self._go_on, context=self._context)
            self._wakes_at = at

    def _sleep(self) -> None:
        """Do not go on by any timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._wakes_at = None, math.inf

    def _go_on(self) -> None:
        """Begin the look whose time has come, and give up those that take too long."""
        self._sleep()
        now = asyncio.get_running_loop().time()
        try:
            self._give_up_late_looks(now)
            if len(self._looks) < MOST_IN_FLIGHT and (watch := self._schedule.take(now)) is not None:
                self._begin(watch, now)
            self._warn_of_overload()
            if (at := self._next_at(now)) is not None:
                self._wake_by(at)
        except Exception as error:  # nobody would ever look again
            log.exception("The poll hub broke")
            for watch in self._watches:
                if not watch.done.done():
                    watch.done.set_exception(error)

    def _next_at(self, now: float) -> float | None:
        """Return when there is something to do."""
        late = next(iter(self._looks.values()), None)
        due = self._schedule.next_at(now) if len(self._looks) < MOST_IN_FLIGHT else None
        return min((at for at in (late, due) if at is not None), default=None)

    def _give_up_late_looks(self, now: float) -> None:
        for look in [look for look, late in self._looks.items() if late <= now]:
            look.cancel()
            self._looks[look] = self._looks.pop(look) + self.look_seconds  # behind the others: the first is the oldest

    def _begin(self, watch: _Watch, now: float) -> None:
        """Send exactly one request; it is repeated by the schedule only."""
        watch.entry = None
        look = watch.context.run(asyncio.get_running_loop().create_task, self._look(watch))
        if not look.done():  # as it may be where tasks begin at once
            self._looks[look] = now + self.look_seconds

    async def _look(self, watch: _Watch) -> None:
        try:
            step = await self._step(watch)
            if isinstance(step, LookAgain) and step.needs_connection and not watch.done.done():
                await self.on_refused(watch.lemondata_conn_id)
        except Exception as error:  # noqa: BLE001 # it rises where the task is waited for
            if not watch.done.done():
                watch.done.set_exception(error)
            return
        if watch.done.done():
            return
        if isinstance(step, Ended):
            watch.done.set_result(step)
        else:
            self._plan(watch, step)

    async def _step(self, watch: _Watch) -> Step:
        wait, look = watch.wait, asyncio.current_task()
        self._metrics.polled()
        try:
            task = await self._client.send_once(calls.get_task(wait.poll_url, wait.task_id))
        except asyncio.CancelledError:
            if watch.done.done():  # by the end of the hub, and not for being late
                raise
            return self._failed(wait, AnswerLostError(f"No whole answer within {self.look_seconds:g} s"))
        except LemonDataError as error:
            return self._failed(wait, error)
        finally:
            self._make_room(look)  # at once: looking a connection up may take longer than a look
        now = time.time()
        if news := wait.news(task, now):
            log.info(news)
        step = wait.answered(task, now, self._turn())
        wait.seen = None  # ten thousand parked waits would hold as many answers
        if isinstance(step, Ended) and step.task is not None:
            self._metrics.ended(step.task, watch.model, now)
        return step

    def _make_room(self, look: asyncio.Task[None] | None) -> None:
        """Forget a request that has ended."""
        was_full = len(self._looks) >= MOST_IN_FLIGHT
        if look is not None:
            self._looks.pop(look, None)
        if was_full:
            self._wake_by(asyncio.get_running_loop().time())

    def _failed(self, wait: Wait, error: LemonDataError) -> Step:
        if isinstance(error, RateLimitError):
            self._slow_down(error)
        log.warning("Task %s could not be looked at: %s", wait.task_id, error)
        return wait.failed(error, time.time())

    def _heard(self, limit: RateLimit) -> None:
        now = asyncio.get_running_loop().time()
        self._budget.correct(limit, now)
        self._wake_by(now)

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
