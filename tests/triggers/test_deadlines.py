"""Deadlines that are kept, and forecasts that learn from nothing but their own model."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest

from lemondata_provider.api.errors import RateLimitError, TaskTimeoutError
from lemondata_provider.api.polling import Completed, Failed
from lemondata_provider.api.rate_limiter import RateLimit
from lemondata_provider.triggers.hub_registry import HubRegistry
from lemondata_provider.triggers.poll_hub import PollHub
from tests.triggers.doubles import FakeTaskService, Metrics, answer, settings, until, waiting


@pytest.fixture
def hub(service: FakeTaskService, metrics: Metrics) -> PollHub:
    return PollHub(settings(), metrics, make_client=service.client, last_poll_seconds=0.3)


# --- ways to keep a wait from its turn or its answer


def hang(service, hub):
    service.delays = {"one": 3600, "other": 3600}


def nothing_remains(service, hub):
    hub._limiter.apply_headers(RateLimit(1000, 0), asyncio.get_running_loop().time())


def a_day_to_wait(service, hub):
    service.ends["one"] = lambda: RateLimitError("slow", retry_after=86_400)


def tiny_limit(service, hub):
    hub.apply_settings(settings(requests_per_minute=1))


def broken_client(service, hub):
    service.ends["one"] = lambda: RuntimeError("broken")


@pytest.mark.parametrize("hinder", [hang, nothing_remains, a_day_to_wait, tiny_limit, broken_client])
async def test_wait_for_deadline_is_kept_whatever_stands_in_the_way(hub, service, hinder):
    service.ends["other"] = lambda: answer("other", "processing")
    first = asyncio.ensure_future(hub.wait_for(waiting("other")))
    await until(lambda: service.asked["other"] >= 1)
    hinder(service, hub)
    begun = time.monotonic()
    end = await asyncio.wait_for(hub.wait_for(waiting("one", seconds=0.3)), 5)
    assert type(end.error) is TaskTimeoutError
    assert 0.2 <= time.monotonic() - begun <= 2
    first.cancel()


async def test_wait_for_wait_that_begins_after_its_deadline_has_one_poll(hub, service):
    service.ends["one"] = answer("one")
    assert await hub.wait_for(waiting("one", seconds=-3600)) == Completed(answer("one"))


async def test_wait_for_tasks_without_a_model_learn_nothing_from_each_other(hub, service):
    for number in range(60):
        service.ends[str(number)] = [answer(str(number), "processing", created=time.time()), answer(str(number))]
        await hub.wait_for(waiting(str(number)))
    assert hub._forecast(None).early_quantile() is None
    assert not hub._forecasts


async def test_wait_for_task_without_a_model_learns_under_the_one_its_answer_names(hub, service):
    for number in range(30):
        name = str(number)
        created: dict[str, Any] = {"created": time.time() - 2, "model": "veo3"}
        service.ends[name] = [answer(name, "processing", **created), answer(name, **created)]
        await hub.wait_for(waiting(name))
    assert list(hub._forecasts) == ["veo3"]
    assert hub._forecast("veo3").early_quantile() is not None


async def test_wait_for_connection_that_is_never_looked_up_ends_at_the_deadline(service, metrics):
    async def never(conn_id):
        await asyncio.sleep(3600)

    hubs = HubRegistry(never, metrics, partial(PollHub, make_client=service.client), last_lookup_seconds=0.2)
    ended = await asyncio.wait_for(hubs.wait_for(waiting(seconds=0.3)), 5)
    assert isinstance(ended, Failed)
    assert "was not looked up before the deadline" in str(ended.error)
