from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.triggers.shared_client import SharedClient
from tests.triggers.doubles import Service, answer, until

ARGUMENTS = {"api_key": "sk-a-key-1234", "base_url": "http://127.0.0.1:1"}


class Call:
    error_context = {"task_id": "one"}  # noqa: RUF012 # nobody changes it


@pytest.fixture
def client(service: Service) -> SharedClient:
    return SharedClient(ARGUMENTS, lambda _: None, service.client)


async def test_a_client_that_was_replaced_may_end_its_requests_and_is_closed_at_the_end(client: Any, service: Service):
    service.ends["one"] = answer("one")
    await client.send_once(Call)
    client.change({**ARGUMENTS, "timeout": 7.0}, seconds=60)
    await client.send_once(Call)
    assert [one.closed for one in service.clients] == [False, False]
    client.end()
    await until(lambda: [one.closed for one in service.clients] == [True, True])


async def test_a_client_that_is_replaced_and_ended_in_one_go_is_closed(client: Any, service: Service):
    await client.send_once(Call)
    client.change({}, seconds=60)
    client.end()
    await until(lambda: service.clients[0].closed)


async def test_arguments_that_are_the_same_replace_nothing(client: Any, service: Service):
    await client.send_once(Call)
    client.change(dict(ARGUMENTS), seconds=0)
    await client.send_once(Call)
    assert len(service.clients) == 1
