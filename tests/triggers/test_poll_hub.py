from __future__ import annotations

import asyncio
import contextvars
import time
from itertools import pairwise
from typing import Any

import pytest

from lemondata_provider.api.errors import AuthenticationError, RateLimitError, ServiceError
from lemondata_provider.api.polling import Completed
from lemondata_provider.api.rate_limiter import RateLimit
from lemondata_provider.api.task import Task
from lemondata_provider.triggers.poll_hub import MAX_FORECASTS, PollHub
from tests.triggers.doubles import Client, FakeTaskService, Metrics, answer, cancel, settings, until, waiting


@pytest.fixture
def hub(service: FakeTaskService, metrics: Metrics) -> PollHub:
    return PollHub(settings(), metrics, make_client=service.client)


async def test_wait_for_many_tasks_share_one_client_and_get_their_own_result(hub, service):
    names = [f"task{number}" for number in range(20)]
    service.ends = {name: [answer(name, "processing"), answer(name)] for name in names}
    ended = await asyncio.gather(*(hub.wait_for(waiting(name)) for name in names))
    assert [end.task.id for end in ended] == names
    assert service.asked == dict.fromkeys(names, 2)
    assert len(service.clients) == 1


async def test_wait_for_last_task_ends_closes_the_client_and_the_next_one_opens_another(hub, service):
    service.ends["one"] = answer("one")
    before = asyncio.all_tasks()
    for _ in range(2):
        assert await hub.wait_for(waiting()) == Completed(answer("one"))
        await until(lambda: asyncio.all_tasks() == before)
    assert [client.closed for client in service.clients] == [True, True]
    assert (len(hub), hub._schedule.next_at(0.0)) == (0, None)


async def test_wait_for_many_tasks_has_one_timer_beside_their_deadlines(hub, service):
    parked = [asyncio.ensure_future(hub.wait_for(waiting(str(n), poll_interval=3600))) for n in range(500)]
    await asyncio.sleep(0)
    loop: Any = asyncio.get_running_loop()
    await until(lambda: len(hub) == 500)
    timers = sum(not timer.cancelled() for timer in loop._scheduled)
    assert timers <= 500 + 2  # a deadline for each, one timer of the hub, and one of this test
    await cancel(*parked)
    assert len(hub) == 0
    assert sum(not timer.cancelled() for timer in loop._scheduled) <= 2


async def test_wait_for_hanging_polls_delay_no_other_task(hub, service):
    stuck = [asyncio.ensure_future(hub.wait_for(waiting(f"stuck{number}"))) for number in range(40)]
    service.delays = {f"stuck{number}": 60 for number in range(40)}
    await until(lambda: service.in_flight == 40)
    service.ends["quick"] = answer("quick")
    assert await asyncio.wait_for(hub.wait_for(waiting("quick")), 2) == Completed(answer("quick"))
    await cancel(*stuck)


async def test_wait_for_poll_times_out_is_polled_again(service, metrics):
    hub = PollHub(settings(), metrics, make_client=service.client, poll_timeout=0.05)
    service.delays["one"] = 60
    ending = asyncio.ensure_future(hub.wait_for(waiting()))
    await until(lambda: service.asked["one"] >= 2)
    service.delays.clear()
    service.ends["one"] = answer("one")
    assert await ending == Completed(answer("one"))


async def test_wait_for_many_tasks_spread_their_polls_within_the_rate_limit(service, metrics):
    hub = PollHub(settings(requests_per_minute=6000.0), metrics, make_client=service.client)  # 97 a second
    waits = [asyncio.ensure_future(hub.wait_for(waiting(str(number)), last_request_at=0.0)) for number in range(50)]
    await until(lambda: len(service.times) >= 60)
    ten = [after - before for before, after in zip(service.times, service.times[10:], strict=False)]
    assert min(ten) >= 8 * 60 / (6000 * 0.97)  # one of ten may make up for a late timer, and one is on its way
    await cancel(*waits)


async def test_wait_for_429_pauses_all_polls_for_its_retry_after(hub, service, metrics):
    service.ends["refused"] = [RateLimitError("too many", status=429, retry_after=0.4)]
    others = [asyncio.ensure_future(hub.wait_for(waiting(str(number)))) for number in range(5)]
    refused = asyncio.ensure_future(hub.wait_for(waiting("refused")))
    await until(lambda: any(later - earlier > 0.38 for earlier, later in pairwise(service.times)))
    assert metrics.counts["lemondata.rate_limited"] == 1
    assert await refused == Completed(answer("refused"))
    await cancel(*others)


async def test_wait_for_429_with_huge_retry_after_pauses_two_minutes_at_most(hub, service, metrics):
    service.ends["one"] = [RateLimitError("too many", status=429, retry_after=3e7)]
    waits = asyncio.ensure_future(hub.wait_for(waiting()))
    await until(lambda: metrics.counts["lemondata.rate_limited"] == 1)
    now = asyncio.get_running_loop().time()
    assert now + 100 < hub._limiter.available_at(now) < now + 121
    await cancel(waits)


async def test_on_rate_limit_headers_lower_remaining_lowers_the_rate(service, metrics):
    hub = PollHub(settings(requests_per_minute=1000.0), metrics, make_client=service.client)
    service.ends["one"] = answer("one")
    await hub.wait_for(waiting(), last_request_at=0.0)
    service.clients[0].options["on_rate_limit"](RateLimit(limit=1000, remaining=100))
    assert hub._limiter.rate() == pytest.approx((970 - 899) / 60)


async def test_wait_for_recent_last_request_counts_against_the_rate_limit_and_an_old_one_does_not(service, metrics):
    hub = PollHub(settings(requests_per_minute=1000.0), metrics, make_client=service.client)
    service.ends = {"one": answer("one"), "two": answer("two")}
    for name, last_request_at in [("one", time.time()), ("two", time.time() - 300), ("two", None)]:
        await hub.wait_for(waiting(name), last_request_at)
    assert hub._limiter.rate() == pytest.approx((970 - 1) / 60)


async def test_detach_one_connection_returns_none_to_its_waits_only(hub, service):
    gone = asyncio.ensure_future(hub.wait_for(waiting("one", lemondata_conn_id="changed")))
    stays = asyncio.ensure_future(hub.wait_for(waiting("two", lemondata_conn_id="other")))
    await until(lambda: len(hub) == 2)
    hub.detach("changed")
    assert await gone is None
    assert not stays.done()
    service.ends["two"] = answer("two")
    assert await stays == Completed(answer("two"))


async def test_apply_settings_same_key_changes_client_and_rate_limit(hub, service):
    ending = asyncio.ensure_future(hub.wait_for(waiting()))
    await until(lambda: service.asked["one"] >= 1)
    hub.apply_settings(settings(timeout=7.0, requests_per_minute=60_000.0, triggerers=2))
    assert hub._limiter.allowed == 0.97 * 30_000
    await until(lambda: len(service.clients) == 2)
    service.ends["one"] = answer("one")
    assert await ending == Completed(answer("one"))
    assert [client.options["timeout"] for client in service.clients] == [60.0, 7.0]
    await until(lambda: all(client.closed for client in service.clients))


async def test_on_key_refused_401_is_called_once_with_the_connection(service, metrics):
    refused: list[str] = []

    async def on_key_refused(conn_id: str) -> None:
        refused.append(conn_id)

    hub = PollHub(settings(), metrics, on_key_refused=on_key_refused, make_client=service.client)
    service.ends["one"] = [AuthenticationError("no", status=401), ServiceError("busy", status=500)]
    await hub.wait_for(waiting(lemondata_conn_id="mine"))
    assert refused == ["mine"]


async def test_wait_for_client_breaks_uses_a_new_client(hub, service, caplog):
    service.ends = {"one": [RuntimeError("an unforeseen error")], "two": [answer("two", "processing")]}
    ended = await asyncio.gather(hub.wait_for(waiting("one")), hub.wait_for(waiting("two")))
    assert [end.task.id for end in ended] == ["one", "two"]
    assert len(service.clients) == 2
    assert "The client broke: RuntimeError: an unforeseen error" in caplog.text
    await until(lambda: all(client.closed for client in service.clients))


async def test_wait_for_client_breaks_under_many_polls_makes_one_new_client(hub, service):
    names = [str(number) for number in range(20)]
    service.ends = {name: [RuntimeError("the connection pool is gone")] for name in names}
    service.delays = dict.fromkeys(names, 0.2)
    ended = await asyncio.gather(*(hub.wait_for(waiting(name)) for name in names))
    assert [end.task.id for end in ended] == names
    assert len(service.clients) == 2


def test_wait_for_uvloop_timers_without_when_returns_the_task(service, metrics):
    uvloop = pytest.importorskip("uvloop", reason="there is none for Windows")
    hub = PollHub(settings(), metrics, make_client=service.client)
    service.ends["one"] = [answer("one", "processing")]

    async def changed_and_followed() -> Any:
        hub.apply_settings(settings(timeout=7.0))
        ended = await hub.wait_for(waiting())
        await until(lambda: service.clients[0].closed)
        return ended

    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(changed_and_followed()).task.id == "one"
    finally:
        loop.close()


async def test_wait_for_metrics_raise_returns_the_task(service):
    class Broken(Metrics):
        def incr(self, *_: Any, **__: Any) -> None:
            raise OSError("no route to the statsd host")

        gauge = timing = incr

    hub = PollHub(settings(), Broken(), make_client=service.client)
    service.ends["one"] = measured = answer("one", created=time.time() - 100, updated=time.time() - 10)
    assert await hub.wait_for(waiting()) == Completed(measured)


async def test_wait_for_invalid_deadline_raises_and_keeps_no_wait(hub):
    with pytest.raises(TypeError):
        await hub.wait_for(waiting(deadline=None))
    assert len(hub) == 0


async def test_wait_for_cancelled_logs_nothing(hub, service, caplog):
    service.delays["one"] = 60
    wait = asyncio.ensure_future(hub.wait_for(waiting()))
    await until(lambda: service.in_flight == 1)
    wait.cancel()
    await until(lambda: service.in_flight == 0)
    assert caplog.messages == []


async def test_wait_for_schedule_raises_ends_every_wait(hub):
    def broken(now: float) -> float:
        raise ArithmeticError("a bug")

    hub._schedule.next_at = broken
    with pytest.raises(ArithmeticError):
        await asyncio.wait_for(hub.wait_for(waiting()), 2)


async def test_wait_for_joined_while_the_hub_breaks_returns_the_task(hub, service):
    service.ends["two"] = answer("two")
    next_at, joined = hub._schedule.next_at, list[Any]()

    def broken_once(now: float) -> float:
        hub._schedule.next_at = next_at
        joined.append(asyncio.ensure_future(hub.wait_for(waiting("two"))))  # joins before the other one has left
        raise ArithmeticError("a bug")

    hub._schedule.next_at = broken_once
    with pytest.raises(ArithmeticError):
        await hub.wait_for(waiting())
    assert (await asyncio.wait_for(joined[0], 2)).task.id == "two"


async def test_wait_for_each_poll_runs_in_the_context_of_its_trigger(service, metrics):
    trigger: contextvars.ContextVar[str] = contextvars.ContextVar("trigger")
    seen: list[str] = []

    class ContextClient(Client):
        async def send_once(self, call: Any) -> Task:
            seen.append(f"{trigger.get('no trigger')} asks for {call.error_context['task_id']}")
            return await super().send_once(call)

    def make_client(**options: Any) -> Any:
        return ContextClient(service, options)

    hub = PollHub(settings(), metrics, make_client=make_client)

    async def wait_for(name: str) -> None:
        trigger.set(name)
        await hub.wait_for(waiting(name))

    service.ends = {"a": answer("a"), "b": answer("b")}
    await asyncio.gather(*(asyncio.ensure_future(wait_for(name)) for name in "ab"))
    assert sorted(seen) == ["a asks for a", "b asks for b"]


async def test_wait_for_more_tasks_than_requests_per_minute_logs_one_warning(service, metrics, caplog):
    hub = PollHub(settings(requests_per_minute=100.0), metrics, make_client=service.client)
    waits = [asyncio.ensure_future(hub.wait_for(waiting(str(number)), last_request_at=0.0)) for number in range(150)]
    await until(lambda: len(service.times) >= 1)
    warnings = [message for message in caplog.messages if "detected late" in message]
    assert len(warnings) == 1
    assert "150 tasks wait with 97 requests a minute: one poll of each takes 93 s" in warnings[0]
    await cancel(*waits)


async def test_wait_for_many_models_keeps_max_forecasts(hub, service):
    service.ends = {str(number): answer(str(number)) for number in range(MAX_FORECASTS + 10)}
    await asyncio.gather(*(hub.wait_for(waiting(str(n), model=f"model{n}")) for n in range(MAX_FORECASTS + 10)))
    assert len(hub._forecasts) == MAX_FORECASTS


async def test_wait_for_task_ends_records_timings_by_model(hub, service, metrics):
    now = time.time()
    service.ends["one"] = answer("one", created=now - 100, updated=now - 10)
    await hub.wait_for(waiting(model="sora-2"))
    measured = {stat: (seconds, tags) for stat, seconds, tags in metrics.times}
    assert measured["lemondata.generation_seconds"] == (pytest.approx(90), {"model": "sora-2"})
    assert measured["lemondata.detection_lag"] == (pytest.approx(10, abs=1), {"model": "sora-2"})
    assert metrics.counts["lemondata.polls"] == 1
