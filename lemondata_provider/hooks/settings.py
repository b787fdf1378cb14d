"""Read an Airflow connection of type ``lemondata`` field by field, extras from an allow-list."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.sdk import Connection

from lemondata_provider.api.auth import checked_key
from lemondata_provider.api.errors import ConfigurationError
from lemondata_provider.api.fields import parse_count, parse_positive
from lemondata_provider.api.urls import DEFAULT_BASE_URL, BaseUrl
from lemondata_provider.api.wire import USER_AGENT

FULL_USER_AGENT = f"{USER_AGENT} apache-airflow/{airflow_version} python/{platform.python_version()}"


@dataclass(frozen=True)
class ConnectionSettings:
    """
    Settings of a LemonData connection.

    :param api_key: the password.
    :param base_url: host, port and schema (a path prefix), default ``https://api.tokenlab.sh``.
    :param timeout: extra; read timeout of a request in seconds, default 60.
    :param requests_per_minute: extra; rate limit of the key, default 1000.
    :param triggerers: extra; number of triggerers that share the rate limit in equal parts, default 1.
    :param user_agent: extra; the ``User-Agent`` header, default: this package, Airflow and Python.
    :param management_token: extra; token of the management API, for balance and usage.
    :param verify: extra; ``True``, ``False`` or the path of a CA file, default ``True``.
    """

    api_key: str = field(repr=False)
    base_url: str
    timeout: float = 60.0
    requests_per_minute: float = 1000.0
    triggerers: int = 1
    verify: bool | str = True
    user_agent: str = FULL_USER_AGENT
    management_token: str | None = field(default=None, repr=False)
    conn_id: str | None = field(default=None, compare=False)  # only error messages use it

    @property
    def key(self) -> tuple[str, str]:
        """Return the identity of the account, without the API key; equal identities share a rate limit."""
        return self.base_url, hashlib.sha256(self.api_key.encode()).hexdigest()

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments of :class:`Client` and :class:`AsyncClient`."""
        return {
            "api_key": self.api_key,
            "base_url": self.base_url,
            "timeout": self.timeout,
            "verify": self.verify,
            "user_agent": self.user_agent,
            "connection": self.conn_id,
        }

    @classmethod
    def read(cls, connection: Connection) -> ConnectionSettings:
        """
        Read a connection.

        :raises ConfigurationError: a field is missing or invalid; the message names the connection and the field.
        """
        label = "Password (API key)"
        try:
            api_key = checked_key(connection.password or "")
            label = "Host"
            base_url = str(BaseUrl.parse(_base_url(connection)))
            label = "Extra"
            return cls(api_key, base_url, **_extras(connection), conn_id=connection.conn_id)
        except ConfigurationError as error:
            raise ConfigurationError(f"Connection {connection.conn_id!r}, field {label}: {error.message}") from None


def _base_url(connection: Connection) -> str:
    """Join host, port and schema, since a connection URI spreads a base URL over all three."""
    host = connection.host or DEFAULT_BASE_URL
    try:
        has_port = urlsplit(host if "://" in host else f"//{host}").netloc.rpartition("]")[2].count(":")
    except ValueError:  # brackets that hold no IPv6 address
        return host
    port = f":{connection.port}" if connection.port and not has_port else ""
    path = f"/{connection.schema.strip('/')}" if connection.schema else ""
    return f"{host.rstrip('/')}{port}{path}" if port or path else host


def _verify(value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError("must be true, false or the path of a CA file")
    return {"true": True, "false": False}.get(value.strip().lower(), value)


def _rate(value: object) -> float:
    """Return a rate limit; below one request a minute no wait would be polled before its deadline."""
    rate = parse_positive(value)
    if rate < 1:
        raise ValueError("must be at least 1")
    return rate


def _user_agent(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError("must be a text of printable ASCII characters")
    return value


def _token(value: object) -> str:
    try:
        return checked_key(value if isinstance(value, str) else "")
    except ConfigurationError as error:
        raise ValueError(error.message.removeprefix("The API key ")) from None


_EXTRAS: dict[str, Callable[[object], Any]] = {
    "timeout": parse_positive,
    "requests_per_minute": _rate,
    "triggerers": parse_count,
    "verify": _verify,
    "user_agent": _user_agent,
    "management_token": _token,
}


_SECRETS = {"management_token"}


def _extras(connection: Connection) -> dict[str, Any]:
    extras = connection.extra_dejson  # empty if it is not JSON
    if not isinstance(extras, dict) or (not extras and (connection.extra or "").strip() not in ("", "{}", "null")):
        raise ConfigurationError("must be a JSON object")
    settings = {}
    for name, value in extras.items():
        if name not in _EXTRAS:
            raise ConfigurationError(f"unknown key {name!r}; the keys are {', '.join(_EXTRAS)}")
        if value is None or value == "":
            continue  # the connection form stores empty fields
        try:
            settings[name] = _EXTRAS[name](value)
        except ValueError as error:
            shown = "" if name in _SECRETS else f", not {value!r}"
            raise ConfigurationError(f"{name} {error}{shown}") from None
    return settings
