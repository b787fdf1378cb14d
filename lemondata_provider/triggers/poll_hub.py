"""
One poll hub per key: all waits with it share one client and one schedule, and none has a timer of its own.

What is polled next is decided in :mod:`lemondata_provider.triggers.schedule`, when a task is likely to end in
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
from lemondata_provider.api.polling import Ended, PollAgain, Step, TaskPoller
from lemondata_provider.api.rate_limiter import WINDOW, RateLimit, RateLimiter
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.triggers.metrics import Metrics, Stats
from lemondata_provider.triggers.schedule import Entry, Schedule
from lemondata_provider.triggers.shared_client import SharedClient
from lemondata_provider.triggers.waiting import TaskWait

log = logging.getLogger(__name__)

MIN_INTERVAL_SHARE = 0.4  # the part of a poll interval after which a task is polled again while the rate limit has room
MAX_IN_FLIGHT = 256  # requests at a time: paced, they are two or three unless answers are slow
MAX_FORECASTS = 64  # whose ends are remembered
DEFAULT_PAUSE_SECONDS = 1.0  # after a 429 that does not say how long
MAX_PAUSE_SECONDS = 2 * WINDOW  # whatever a 429 says: a rate limit is over in a minute, and deadlines have to be kept


@dataclass(slots=True, eq=False)
class _Watch:
    wait: TaskPoller
    model: str
    lemondata_conn_id: str
    done: asyncio.Future[Ended | None]
    context: contextvars.Context  # of the trigger: what is logged in it stands in its task's log
    entry: Entry[_Watch] | None = None


async def _nothing(_: str) -> None:
    """Do nothing."""


@dataclass
class PollHub:
    """
    The waits with one key in one event loop.

    :param settings: the connection that it was first reached by.
    :param stats: Airflow's statistics.
    :param on_key_refused: is told the connection whose key was refused, and looks it up again: it may have another one.
    :param make_client: makes the client.
    :param poll_timeout: how long one poll may take, however slowly its answer drips in.
    """

    settings: ConnectionSettings
    stats: Stats
    on_key_refused: Callable[[str], Awaitable[None]] = _nothing
    make_client: Callable[..., AsyncClient] = AsyncClient
    poll_timeout: float = 30.0
    _watches: set[_Watch] = field(default_factory=set, init=False)
    _polls: dict[asyncio.Task[None], float] = field(default_factory=dict, init=False)  # until when each may take
    _forecasts: OrderedDict[str, Forecast] = field(default_factory=OrderedDict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)
    _wakes_at: float = field(default=math.inf, init=False)  # not every event loop's timers tell it
    _warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._limiter = RateLimiter(self.settings.requests_per_minute, self.settings.triggerers)
        self._schedule: Schedule[_Watch] = Schedule(self._limiter)
        self._client = SharedClient(self.settings.client_arguments(), self._on_rate_limit_headers, self.make_client)
        self._metrics = Metrics(self.stats)
        # Not that of the trigger that happens to be the first: what concerns all is not for its log.
        self._context = contextvars.Context()

    def __len__(self) -> int:
        return len(self._watches)

    async def wait_for(self, waiting: TaskWait, asked_at: float | None = None) -> Ended | None:
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

    def detach(self, lemondata_conn_id: str) -> None:
        """Send away all waits of a connection: it has another key now."""
        for watch in self._watches:
            if watch.lemondata_conn_id == lemondata_conn_id and not watch.done.done():
                watch.done.set_result(None)

    def apply_settings(self, settings: ConnectionSettings) -> None:
        """Go by what the connection says now; the key is the same."""
        self._limiter.set_limit(settings.requests_per_minute, settings.triggerers)
        self._client.change(settings.client_arguments(), self.poll_timeout)
        self.settings = settings
        self._wake_by(asyncio.get_running_loop().time())

    def _join(self, waiting: TaskWait, asked_at: float) -> _Watch:
        loop, now = asyncio.get_running_loop(), time.time()
        ago = max(now - asked_at, 0.0)
        if ago < WINDOW:
            self._limiter.record_external(loop.time() - ago)
        model = waiting.model or ""
        wait = TaskPoller(
            waiting.task_id,
            waiting.poll_url,
            poll_interval=waiting.poll_interval,
            deadline=waiting.deadline,
            created=waiting.created,
            pause=MIN_INTERVAL_SHARE * waiting.poll_interval,
            forecast=self._forecast(model),
        )
        watch = _Watch(wait, model, waiting.lemondata_conn_id, loop.create_future(), contextvars.copy_context())
        self._plan(watch, wait.start(now, self._round_seconds()))
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
        for poll in self._polls:
            poll.cancel()
        self._polls.clear()
        self._schedule = Schedule(self._limiter)
        self._warned = False
        self._client.end()

    def _forecast(self, model: str) -> Forecast:
        forecast = self._forecasts.setdefault(model, Forecast())
        self._forecasts.move_to_end(model)
        if len(self._forecasts) > MAX_FORECASTS:
            self._forecasts.popitem(last=False)
        return forecast

    def _round_seconds(self) -> float:
        return self._schedule.round_seconds(len(self._watches))

    def _plan(self, watch: _Watch, step: PollAgain) -> None:
        due = asyncio.get_running_loop().time() + step.delay
        watch.entry = self._schedule.put(watch, due, step.predicted)
        self._wake_by(due)

    def _wake_by(self, at: float) -> None:
        """Go on at that instant at the latest; the one timer of all waits is here."""
        if at < self._wakes_at:
            self._sleep()
            self._timer = asyncio.get_running_loop().call_at(at, self._tick, context=self._context)
            self._wakes_at = at

    def _sleep(self) -> None:
        """Do not go on by any timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._wakes_at = None, math.inf

    def _tick(self) -> None:
        """Begin the poll whose time has come, and give up those that take too long."""
        self._sleep()
        now = asyncio.get_running_loop().time()
        try:
            self._give_up_late_polls(now)
            if len(self._polls) < MAX_IN_FLIGHT and (watch := self._schedule.take(now)) is not None:
                self._begin(watch, now)
            self._warn_if_overloaded()
            if (at := self._next_at(now)) is not None:
                self._wake_by(at)
        except Exception as error:  # nobody would ever poll again
            log.exception("The poll hub broke")
            for watch in self._watches:
                if not watch.done.done():
                    watch.done.set_exception(error)

    def _next_at(self, now: float) -> float | None:
        """Return when there is something to do."""
        late = next(iter(self._polls.values()), None)
        due = self._schedule.next_at(now) if len(self._polls) < MAX_IN_FLIGHT else None
        return min((at for at in (late, due) if at is not None), default=None)

    def _give_up_late_polls(self, now: float) -> None:
        for poll in [poll for poll, late in self._polls.items() if late <= now]:
            poll.cancel()
            self._polls[poll] = self._polls.pop(poll) + self.poll_timeout  # behind the others: the first is the oldest

    def _begin(self, watch: _Watch, now: float) -> None:
        """Send exactly one request; it is repeated by the schedule only."""
        watch.entry = None
        poll = watch.context.run(asyncio.get_running_loop().create_task, self._poll(watch))
        if not poll.done():  # as it may be where tasks begin at once
            self._polls[poll] = now + self.poll_timeout

    async def _poll(self, watch: _Watch) -> None:
        try:
            step = await self._step(watch)
            if isinstance(step, PollAgain) and step.needs_fresh_connection and not watch.done.done():
                await self.on_key_refused(watch.lemondata_conn_id)
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
        wait, poll = watch.wait, asyncio.current_task()
        self._metrics.polled()
        try:
            task = await self._client.send_once(calls.get_task(wait.poll_url, wait.task_id))
        except asyncio.CancelledError:
            if watch.done.done():  # by the end of the hub, and not for being late
                raise
            return self._failed(wait, AnswerLostError(f"No whole answer within {self.poll_timeout:g} s"))
        except LemonDataError as error:
            return self._failed(wait, error)
        finally:
            self._make_room(poll)  # at once: looking a connection up may take longer than a poll
        now = time.time()
        if message := wait.progress_message(task, now):
            log.info(message)
        step = wait.on_task(task, now, self._round_seconds())
        wait.seen = None  # ten thousand parked waits would hold as many answers
        if isinstance(step, Ended) and step.task is not None:
            self._metrics.ended(step.task, watch.model, now)
        return step

    def _make_room(self, poll: asyncio.Task[None] | None) -> None:
        """Forget a request that has ended."""
        was_full = len(self._polls) >= MAX_IN_FLIGHT
        if poll is not None:
            self._polls.pop(poll, None)
        if was_full:
            self._wake_by(asyncio.get_running_loop().time())

    def _failed(self, wait: TaskPoller, error: LemonDataError) -> Step:
        if isinstance(error, RateLimitError):
            self._slow_down(error)
        log.warning("Task %s could not be polled: %s", wait.task_id, error)
        return wait.on_error(error, time.time())

    def _on_rate_limit_headers(self, limit: RateLimit) -> None:
        now = asyncio.get_running_loop().time()
        self._limiter.apply_headers(limit, now)
        self._wake_by(now)

    def _slow_down(self, error: RateLimitError) -> None:
        """Let nobody ask before the time that the service named: the limit is that of the key."""
        now = asyncio.get_running_loop().time()
        self._metrics.rate_limited()
        self._limiter.on_rate_limited(now)
        asked = DEFAULT_PAUSE_SECONDS if error.retry_after is None else error.retry_after
        self._limiter.pause_until(now + min(asked, MAX_PAUSE_SECONDS))

    def _warn_if_overloaded(self) -> None:
        tasks, allowed = len(self._watches), self._limiter.allowed
        if self._warned or tasks <= allowed:
            return
        self._warned = True
        log.warning(
            "%d tasks are waited for with %.0f requests a minute: one poll each takes %.0f s, so finished videos "
            "are noticed late. Let fewer run at a time (a pool that counts deferred tasks), or get a higher rate limit "
            "and name it as requests_per_minute in the connection.",
            tasks,
            allowed,
            WINDOW * tasks / allowed,
        )
