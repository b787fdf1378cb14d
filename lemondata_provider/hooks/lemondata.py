"""An Airflow connection of type ``lemondata`` becomes a LemonData client. Source: https://docs.lemondata.cc."""

from __future__ import annotations

import asyncio
import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from lemondata_provider.api import calls
from lemondata_provider.api.cancelling import outcome
from lemondata_provider.api.client import USER_AGENT, AsyncClient, Client, checked_key, ssl_context
from lemondata_provider.api.errors import ConfigurationError, ConnectionFailedError, LemonDataError
from lemondata_provider.api.inventory import Model, ModelPrice
from lemondata_provider.api.polling import Step, Wait
from lemondata_provider.api.prices import Estimate, estimate, seconds_of
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.urls import DEFAULT_BASE_URL, BaseUrl
from lemondata_provider.hooks.prices import QUICK_SECONDS, PriceCache, ask

FULL_USER_AGENT = f"{USER_AGENT} apache-airflow/{airflow_version} python/{platform.python_version()}"


@dataclass(frozen=True)
class ConnectionSettings:
    """
    What a connection says, read field by field.

    :param api_key: the password.
    :param base_url: host, port and schema (a path prefix), default ``https://api.lemondata.cc``.
    :param timeout: extra; seconds to read one answer, default 60.
    :param requests_per_minute: extra; the budget of the key, default 1000.
    :param verify: extra; ``True``, ``False`` or the path of a CA file, default ``True``.
    """

    api_key: str = field(repr=False)
    base_url: str
    timeout: float = 60.0
    requests_per_minute: float = 1000.0
    verify: bool | str = True

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments of :class:`Client` and :class:`AsyncClient`."""
        return {
            "api_key": self.api_key,
            "base_url": self.base_url,
            "timeout": self.timeout,
            "verify": self.verify,
            "user_agent": FULL_USER_AGENT,
        }

    @classmethod
    def read(cls, connection: Connection) -> ConnectionSettings:
        """
        Read a connection.

        :raises ConfigurationError: in one sentence that names the connection and the field.
        """
        place = "Password (API key)"
        try:
            api_key = checked_key(connection.password or "")
            place = "Host"
            base_url = str(BaseUrl.parse(_base_url(connection)))
            place = "Extra"
            return cls(api_key, base_url, **_extras(connection))
        except ConfigurationError as error:
            raise ConfigurationError(f"Connection {connection.conn_id!r}, field {place}: {error.message}") from None


def _base_url(connection: Connection) -> str:
    """Put host, port and schema together: a connection URI spreads a base URL over all three."""
    host = connection.host or DEFAULT_BASE_URL
    has_port = urlsplit(host if "://" in host else f"//{host}").netloc.rpartition("]")[2].count(":")
    port = f":{connection.port}" if connection.port and not has_port else ""
    path = f"/{connection.schema.strip('/')}" if connection.schema else ""
    return f"{host.rstrip('/')}{port}{path}" if port or path else host


def _positive(value: object) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not (number > 0 and math.isfinite(number)):
        raise ValueError("must be a number above 0")
    return number


def _verify(value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError("must be true, false or the path of a CA file")
    known = {"true": True, "false": False}
    return known.get(value.strip().lower(), value)


_EXTRAS: dict[str, Callable[[object], Any]] = {
    "timeout": _positive,
    "requests_per_minute": _positive,
    "verify": _verify,
}


def _extras(connection: Connection) -> dict[str, Any]:
    given = connection.extra_dejson  # nothing, where it is no JSON
    if not isinstance(given, dict) or (not given and (connection.extra or "").strip() not in ("", "{}", "null")):
        raise ConfigurationError("it must be a JSON object")
    read = {}
    for name, value in given.items():
        if name not in _EXTRAS:
            raise ConfigurationError(f"{name!r} is not known; known are {', '.join(_EXTRAS)}")
        if value is None or value == "":
            continue  # the connection form stores the fields that were left empty
        try:
            read[name] = _EXTRAS[name](value)
        except ValueError as error:
            raise ConfigurationError(f"{name} {error}, not {value!r}") from None
    return read


class LemonDataHook(BaseHook):
    """
    Talk to LemonData with an Airflow connection.

    Source: https://docs.lemondata.cc (authentication).

    :param lemondata_conn_id: connection of type ``lemondata``: Password = API key, Host = base URL (default
        ``https://api.lemondata.cc``), extras ``timeout`` (seconds, default 60), ``requests_per_minute`` (default 1000)
        and ``verify`` (a CA file).
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
        settings = self._look_up()
        self._load_certificates(settings)
        return Client(**settings.client_arguments())

    async def get_async_conn(self) -> AsyncClient:
        """Return a client for this connection and event loop, without ever blocking the loop."""
        settings = await self._look_up_from_loop()
        await asyncio.to_thread(self._load_certificates, settings)
        return AsyncClient(**settings.client_arguments())

    def test_connection(self) -> tuple[bool, str]:
        """Ask for the list of video models, which is free: the button "Test" of the connection form."""
        try:
            with self.get_conn() as client:
                models = client.send_once(calls.list_models())
        except LemonDataError as error:
            return False, str(error)
        return True, f"LemonData answered: {len(models)} video models"

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
        :param patient: ask again on passing trouble, for at most a minute; otherwise ask once and quickly.
        :raises ModelNotFoundError: if the service does not know it.
        :raises LemonDataError: if the service cannot be asked.
        """
        with self._asking(self._look_up(), patient) as send:
            found: Model = send(calls.get_model(model))
            return found

    def get_prices(self, model: str, patient: bool = True) -> list[ModelPrice]:
        """
        Look up what a model costs, at most once in some minutes; no prices if the service tells none.

        :param model: its name.
        :param patient: ask again on passing trouble, and raise what remains; otherwise ask once and quickly, and take
            trouble for an unknown price, which is not asked for again in the next minute.
        :raises LemonDataError: if the service cannot be asked, and ``patient``.
        """
        settings = self._look_up()
        whose = (settings.base_url, settings.api_key, model)
        known = self.price_cache.get(*whose)
        if known or (known is not None and not patient):
            return known
        try:
            with self._asking(settings, patient) as send:
                prices = ask(send, model)
        except LemonDataError as error:
            if patient:
                raise
            self.log.info("The price of %s is not known: %s", model, error)
            prices = []
        self.price_cache.put(*whose, prices)
        return prices

    def estimate(self, request: VideoRequest, patient: bool = True) -> Estimate:
        """Say what a request would cost, and why; see :meth:`get_prices`."""
        return estimate(self.get_prices(request.model, patient), seconds_of(request))

    def estimate_cost(self, request: VideoRequest) -> Decimal | None:
        """
        Return what a request would cost in USD, or nothing where that is unknown.

        :param request: what would be submitted; nothing is.
        :raises LemonDataError: if the service cannot be asked.
        """
        return self.estimate(request).usd

    def look(self, wait: Wait) -> Step:
        """
        Look at a task once, from a worker, and say what the next step is.

        It is one request, repeated by the schedule only. The connection is looked up at each look, so that a key that
        was changed meanwhile is used.

        :param wait: the task, and what has been seen of it.
        """
        try:
            with self.get_conn() as client:
                task = client.send_once(calls.get_task(wait.poll_url, wait.task_id))
        except LemonDataError as error:
            self.log.warning("Task %s could not be looked at: %s", wait.task_id, error)
            return wait.failed(error, time.time())
        if news := wait.news(task):
            self.log.info(news)
        return wait.answered(task, time.time())

    def cancel(self, task_id: str) -> str:
        """
        Cancel a task, from a worker, and say what came of it.

        :param task_id: LemonData's id of the task.
        """
        try:
            with self.get_conn() as client:
                answer = client.send(calls.cancel_task(task_id))
            return outcome(task_id, answer)
        except LemonDataError as error:
            return outcome(task_id, error)

    async def cancel_from_loop(self, task_id: str) -> str:
        """Do the same from a trigger, without ever blocking the loop."""
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
            settings = replace(settings, timeout=min(settings.timeout, QUICK_SECONDS))
        self._load_certificates(settings)
        with Client(**settings.client_arguments()) as client:
            yield client.send if patient else client.send_once

    def _look_up(self) -> ConnectionSettings:
        with self._errors_of_looking_up():
            connection = self.get_connection(self.lemondata_conn_id)
        return self._read(connection)

    async def _look_up_from_loop(self) -> ConnectionSettings:
        with self._errors_of_looking_up():
            connection = await self.aget_connection(self.lemondata_conn_id)
        return self._read(connection)

    @contextmanager
    def _errors_of_looking_up(self) -> Iterator[None]:
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
