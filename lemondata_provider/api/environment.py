"""
Check the environment variables that name proxies and certificates.

httpx reads them when a client is built, and its errors do not name the variable. A value is never shown: it may hold a
password.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from lemondata_provider.api.errors import ConfigurationError

T = TypeVar("T")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
NOT_A_PROXY = "is no URL of a proxy, such as http://proxy.example:8080"
UNQUOTED = "has a password that is cut short: write # as %23, / as %2F, ? as %3F and @ as %40"
NO_SOCKS = "names a SOCKS proxy, which needs a package: pip install 'httpx[socks]'"
NO_PROXY = "has an entry that cannot be read: write an IPv6 address without brackets, port and prefix length"


def build(client: Callable[..., T], options: dict[str, Any]) -> T:
    """
    Build an httpx client.

    :param client: ``httpx.Client`` or ``httpx.AsyncClient``.
    :param options: its arguments.
    :raises ConfigurationError: a variable of the environment is invalid; the message names it.
    """
    if options.get("transport") is None:  # with one, httpx reads no proxies
        for name, value in _variables(PROXIES):
            if problem := _proxy_problem(value):
                raise ConfigurationError(f"The environment variable {name} {problem}")
    try:
        return client(**options)
    except (httpx.InvalidURL, ValueError, ImportError):
        name = next((name for name, _ in _variables(("no_proxy",))), "NO_PROXY")
        raise ConfigurationError(f"The environment variable {name} {NO_PROXY}") from None


def ssl_context(verify: bool | str = True) -> ssl.SSLContext:
    """
    Return the process's one SSL context for this setting: loading the certificates takes about 50 ms each time.

    :param verify: ``True`` for the certificates of the environment, a CA file, or ``False`` for no check at all.
    :raises ConfigurationError: if the CA file cannot be read.
    """
    return _loaded(verify)


@lru_cache(maxsize=8)
def _loaded(verify: bool | str, /) -> ssl.SSLContext:
    """Cached under one spelling of the argument: to a cache, a default is another one."""
    if not isinstance(verify, str):
        if verify:
            check_certificates()
        return httpx.create_ssl_context(verify=verify)
    try:
        return load_ca_file(verify)
    except OSError as error:
        raise ConfigurationError(f"verify is no usable CA file here: {verify!r} ({error})") from None


def check_certificates() -> None:
    """
    Check the certificates that the environment names.

    :raises ConfigurationError: they cannot be loaded; the message names the variable.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        try:
            load_ca_file(file)
        except OSError as error:
            raise ConfigurationError(
                f"The environment variable SSL_CERT_FILE names no usable CA file: {file!r} ({error})"
            ) from None
    elif folder and not any(map(os.path.isdir, folder.split(os.pathsep))):
        raise ConfigurationError(f"The environment variable SSL_CERT_DIR names no folder: {folder!r}")


def load_ca_file(path: str) -> ssl.SSLContext:
    """
    Return an SSL context with the certificates of a file.

    :raises OSError: the file cannot be used; a pipe or a device is not opened, because that may never end.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError("not a regular file")
    return ssl.create_default_context(cafile=path)


def _variables(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the variables that are set, in the spelling of the environment."""
    for name, value in os.environ.items():
        if value.strip() and name.lower() in names:
            yield name, value.strip()


def _proxy_problem(value: str) -> str | None:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        if "@" in parts.path + parts.query + parts.fragment:
            return UNQUOTED  # the host would be a part of the password
        httpx.Client(proxy=url, trust_env=False, verify=False).close()  # noqa: S501 # nothing is sent with it
    except ImportError:
        return NO_SOCKS
    except (httpx.InvalidURL, ValueError):
        return NOT_A_PROXY
    return None if parts.hostname else NOT_A_PROXY
