"""The HTTP libraries log nothing of our requests, and all of others'."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.http_logs import SWITCH

HEADERS = [("X-Echo", "sk-0123456789")]


@pytest.fixture
def http_lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns what the HTTP libraries have logged of requests, at every level."""
    caplog.set_level(logging.DEBUG)
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("httpx", "httpcore")) and not record.getMessage().startswith("close.")
    ]


def poll(sandbox: Any) -> None:
    with Client("sk-0123456789", sandbox.url) as client, pytest.raises(LemonDataError):
        client.send_once(calls.get_task("/v1/tasks/ldtask_1"))


def poll_asynchronously(sandbox: Any) -> None:
    async def send() -> None:
        client = AsyncClient("sk-0123456789", sandbox.url)
        with pytest.raises(LemonDataError):
            await client.send_once(calls.get_task("/v1/tasks/ldtask_1"))
        await client.close()

    asyncio.run(send())


def download(sandbox: Any) -> None:
    with Downloader(sleep=lambda _: None) as downloader, pytest.raises(LemonDataError):
        downloader.download(f"{sandbox.url}/videos/none.mp4?X-Amz-Signature=s3cret", sink=None)  # type: ignore[arg-type] # never written to


SENDERS = [poll, poll_asynchronously, download]


@pytest.mark.parametrize("send", SENDERS)
def test_http_logs_of_our_requests_are_dropped(sandbox, http_lines, send):
    send(sandbox)
    assert http_lines() == []


@pytest.mark.parametrize("send", SENDERS)
def test_http_logs_with_the_switch_are_kept(sandbox, http_lines, send, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SWITCH, "1")
    send(sandbox)
    assert any("receive_response_headers" in line for line in http_lines())


def test_http_logs_of_others_requests_are_kept(sandbox, http_lines):
    poll(sandbox)
    httpx.get(f"{sandbox.url}/v1/models")
    assert any("receive_response_headers" in line for line in http_lines())
