"""The operator of an explored process, with a hook that talks to the LemonData of that process."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import cast

import httpx

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.polling import PollAgain, PollResult, TaskPoller
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.explored_files import ExploredDownloader, ExploredTarget
from tests.operators.explored_world import POLL_SECONDS
from tests.operators.exploring import Process


class KeptClient(Client):
    """One client for all processes: making it is what takes long."""

    def close(self) -> None:
        """Stay open."""


class Hook(LemonDataHook):
    """A hook that talks to the LemonData of a process, on a clock that polls and pauses move."""

    process: Process

    @cached_property
    def client(self) -> Client:
        return KeptClient("sk-0123456789", sleep=lambda _: None, transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        return self.process.answer(request)

    def get_conn(self) -> Client:
        return self.client

    def poll(self, poller: TaskPoller) -> PollResult:
        """Poll as the hook and the trigger do, and let the pause after it pass."""
        self.process.now += POLL_SECONDS
        try:
            task = self.client.send_once(calls.get_task(poller.wait.poll_url, poller.wait.task_id))
            step = poller.on_task(task, self.process.now)
        except LemonDataError as error:
            step = poller.on_error(error, self.process.now)
        if isinstance(step, PollAgain):
            self.process.now += step.delay
            return replace(step, delay=0.0)
        return step


class Operator(SubmitVideoOperator):
    """The operator with this hook, for whom no time passes, and who writes no entry of the page."""

    write_entry = staticmethod(lambda task_instance, entry: None)

    @cached_property
    def hook(self) -> Hook:
        return Hook()

    def of(self, process: Process) -> Operator:
        """Return the operator as a process has it."""
        self.hook.process, self.sleep, self.prompt = process, process.pause, process.wants
        self.new_target = lambda path: ExploredTarget(process, path)
        self.new_downloader = lambda: cast("Downloader", ExploredDownloader(process))
        return self
