"""An Airflow connection of type ``lemondata`` becomes a LemonData client. Source: https://docs.lemondata.cc."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from lemondata_provider.api import calls, management
from lemondata_provider.api.cancellation import outcome
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.environment import ssl_context
from lemondata_provider.api.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectionFailedError,
    LemonDataError,
    NotFoundError,
    TaskNotFoundError,
)
from lemondata_provider.api.management import Balance, UsageRow
from lemondata_provider.api.models import Model, ModelPrice
from lemondata_provider.api.polling import Completed, Failed, PollAgain, PollResult, TaskPoller
from lemondata_provider.api.prices import Estimate, estimate, seconds_of
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.urls import BaseUrl
from lemondata_provider.hooks.price_cache import PriceCache, ask
from lemondata_provider.hooks.settings import ConnectionSettings

NO_TASK_ID = f"ldtask_{0:032}"  # no task has it
QUICK_TIMEOUT = 3.0  # seconds for an answer that is not required


class LemonDataHook(BaseHook):
    """
    Talk to LemonData with an Airflow connection.

    >>> from lemondata_provider.api.request import VideoRequest
    >>> from lemondata_provider.hooks.lemondata import LemonDataHook
    >>> hook = LemonDataHook("lemondata_default")
    >>> request = VideoRequest.checked(model="veo3.1-fast", prompt="A cat.", duration=4)
    >>> hook.estimate_cost(request)
    Decimal('0.60')
    >>> hook.get_model("veo3.1-fast").owned_by
    'Google'

    Source: https://docs.lemondata.cc (authentication).

    :param lemondata_conn_id: connection of type ``lemondata``: Password = API key, Host = base URL (default
        ``https://api.tokenlab.sh``), extras ``timeout`` (seconds, default 60), ``requests_per_minute`` (default 1000),
        ``triggerers`` (how many share it, default 1), ``user_agent``, ``management_token`` (for balance and usage) and
        ``verify`` (a CA file).
    :raises ConfigurationError: from every call, if the connection is missing or cannot be used.
    """

    conn_name_attr = "lemondata_conn_id"
    default_conn_name = "lemondata_default"
    conn_type = "lemondata"
    hook_name = "LemonData"
    price_cache: ClassVar[PriceCache] = PriceCache()

    def __init__(self, lemondata_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lemondata_conn_id = lemondata_conn_id

    def get_conn(self) -> Client:
        """Return a client for this connection; close it, or use it as a context manager."""
        return self._client(self._look_up())

    async def get_async_conn(self) -> AsyncClient:
        """Return a client for this connection and event loop, without blocking the loop."""
        settings = await self.aget_settings()
        return AsyncClient(**settings.client_arguments())

    async def aget_settings(self) -> ConnectionSettings:
        """Read the connection and load its certificates, without blocking the event loop."""
        with self._translate_lookup_errors():
            connection = await self.aget_connection(self.lemondata_conn_id)
        settings = self._read(connection)
        await asyncio.to_thread(self._load_certificates, settings)
        return settings

    def test_connection(self) -> tuple[bool, str]:
        """Poll a task that cannot exist: the form's *Test* button. It costs nothing and needs the key."""
        try:
            with self.get_conn() as client:
                client.send_once(calls.get_task(None, NO_TASK_ID))
        except (NotFoundError, AccessDeniedError) as error:
            if isinstance(error, TaskNotFoundError) or error.code in ("task_not_owned", "not_found_error"):
                return True, "LemonData accepted the API key"
            return False, str(error)
        except LemonDataError as error:
            return False, str(error)
        return True, "LemonData answered"

    def list_models(self, category: str | None = "video", recommended_for: str | None = None) -> list[Model]:
        """
        List the models of the service.

        :param category: default ``video``.
        :param recommended_for: ``video`` sorts them by their success rate of the last 24 hours.
        :raises LemonDataError: if the service cannot be asked.
        """
        with self.get_conn() as client:
            return client.send(calls.list_models(category, recommended_for))

    def get_model(self, model: str, patient: bool = True) -> Model:
        """
        Look up one model with its public contract.

        :param model: its name.
        :param patient: retry transient errors for at most a minute; otherwise send one request with a short timeout.
        :raises ModelNotFoundError: if the service does not know it.
        :raises LemonDataError: if the service cannot be asked.
        """
        with self._asking(self._look_up(), patient) as send:
            found: Model = send(calls.get_model(model))
            return found

    def get_prices(self, model: str, patient: bool = True) -> list[ModelPrice]:
        """
        Look up the prices of a model; the list is empty if the service publishes none.

        Prices are cached for five minutes, the answer "no price" for one.

        :param model: its name.
        :param patient: retry transient errors for at most a minute, and raise the last one; otherwise send one request
            with a short timeout, and none for a minute after an error.
        :raises LemonDataError: the service cannot be asked.
        """
        settings = self._look_up()
        whose = (settings.base_url, settings.api_key, model)
        known = self.price_cache.get(*whose, patient)
        if known is not None:
            return known
        try:
            with self._asking(settings, patient) as send:
                prices = ask(send, model)
        except LemonDataError:
            if not patient:
                self.price_cache.put(*whose, None)
            raise
        self.price_cache.put(*whose, prices)
        return prices

    def estimate(self, request: VideoRequest, patient: bool = True) -> Estimate:
        """Return what a request would cost, and how that comes about; see :meth:`get_prices`."""
        return estimate(self.get_prices(request.model, patient), seconds_of(request))

    def estimate_cost(self, request: VideoRequest) -> Decimal | None:
        """
        Return what a request would cost in USD, or ``None`` if that is unknown.

        :param request: what would be submitted; nothing is.
        :raises LemonDataError: if the service cannot be asked.
        """
        return self.estimate(request).usd

    def get_balance(self) -> Balance:
        """
        Return the balance of the organization.

        :raises ConfigurationError: the connection has no ``management_token``.
        :raises LemonDataError: the service cannot be asked.
        """
        with self._management_client() as client:
            return client.send(management.get_balance())

    def get_usage(self, since: datetime, until: datetime | None = None) -> list[UsageRow]:
        """
        Return the settled costs of video requests, of all API keys of the organization.

        The row of a finished task has its ``billing_transaction_id``; the row of a lost submit has its ``request_id``.

        :param since: first moment, with its time zone.
        :param until: last moment. Default: now.
        :raises ConfigurationError: the connection has no ``management_token``.
        :raises LemonDataError: the service cannot be asked.
        """
        with self._management_client() as client:
            keys = management.all_pages(client.send, management.list_api_keys)
            pages = [partial(management.get_usage, key, since, until) for key in keys]
            return [row for get_page in pages for row in management.all_pages(client.send, get_page)]

    def poll(self, poller: TaskPoller) -> PollResult:
        """
        Poll a task once, from a worker, and return the decision.

        A poll is one request; only the schedule repeats it. Each poll resolves the connection: keys rotate.

        :param poller: the task and its earlier polls.
        """
        wait = poller.wait
        try:
            with self.get_conn() as client:
                task = client.send_once(calls.get_task(wait.poll_url, wait.task_id))
        except LemonDataError as error:
            if warning := poller.error_message(error):
                self.log.warning(warning)
            return poller.on_error(error, time.time())
        if message := poller.progress_message(task, time.time()):
            self.log.info(message)
        return poller.on_task(task, time.time())

    def wait(self, poller: TaskPoller, result: PollResult) -> Completed | Failed:
        """Poll a task, from a worker, until its wait has ended."""
        while isinstance(result, PollAgain):
            time.sleep(result.delay)
            result = self.poll(poller)
        return result

    def cancel(self, task_id: str) -> str:
        """
        Cancel a task, from a worker, and return the outcome as a sentence.

        :param task_id: LemonData's id of the task.
        """
        try:
            with self.get_conn() as client:
                answer = client.send(calls.cancel_task(task_id))
            return outcome(task_id, answer)
        except LemonDataError as error:
            return outcome(task_id, error)

    async def acancel(self, task_id: str) -> str:
        """Cancel a task, from a trigger, without blocking the event loop; see :meth:`cancel`."""
        try:
            async with await self.get_async_conn() as client:
                answer = await client.send(calls.cancel_task(task_id))
            return outcome(task_id, answer)
        except LemonDataError as error:
            return outcome(task_id, error)

    @contextmanager
    def _asking(self, settings: ConnectionSettings, patient: bool) -> Iterator[Callable[[calls.Call[Any]], Any]]:
        """Give a way to ask: again and again on passing trouble, or once and without waiting long."""
        if not patient:
            settings = replace(settings, timeout=min(settings.timeout, QUICK_TIMEOUT))
        with self._client(settings) as client:
            yield client.send if patient else client.send_once

    def _management_client(self) -> Client:
        settings = self._look_up()
        if settings.management_token is None:
            raise ConfigurationError(
                f"Connection {self.lemondata_conn_id!r} has no extra management_token: LemonData shows balance "
                "and usage to a management token (mt-…) only; its dashboard creates one"
            )
        return self._client(replace(settings, api_key=settings.management_token))

    def _client(self, settings: ConnectionSettings) -> Client:
        self._load_certificates(settings)
        return Client(**settings.client_arguments())

    def _look_up(self) -> ConnectionSettings:
        with self._translate_lookup_errors():
            connection = self.get_connection(self.lemondata_conn_id)
        return self._read(connection)

    @contextmanager
    def _translate_lookup_errors(self) -> Iterator[None]:
        try:
            yield
        except AirflowNotFoundException:
            raise ConfigurationError(f"Connection {self.lemondata_conn_id!r} is not defined") from None
        except Exception as error:  # noqa: BLE001 # a secrets backend may raise anything, and its trouble may pass
            raise ConnectionFailedError(
                f"Connection {self.lemondata_conn_id!r} could not be looked up: {type(error).__name__}: {error}"
            ) from None

    def _load_certificates(self, settings: ConnectionSettings) -> None:
        try:
            ssl_context(settings.verify)
        except ConfigurationError as error:
            if not isinstance(settings.verify, str):
                raise  # the environment is wrong, not the connection
            raise ConfigurationError(f"Connection {self.lemondata_conn_id!r}, field Extra: {error.message}") from None

    def _read(self, connection: Connection) -> ConnectionSettings:
        settings = ConnectionSettings.read(connection)
        if BaseUrl.parse(settings.base_url).is_plain_http_elsewhere:
            self.log.warning(
                "Connection %r sends its API key over plain http to %s, where others can read it: use https",
                self.lemondata_conn_id,
                settings.base_url,
            )
        return settings
