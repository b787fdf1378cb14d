"""Where a call goes: base URLs in every form people paste them, and poll URLs followed as given on our own origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from lemondata_provider.api.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.tokenlab.sh"
OLD_HOSTS = frozenset({"api.lemondata.cc"})  # documented until May 2026, when LemonData became TokenLab
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# What people paste after the base URL; with it, submit and poll would disagree.
_ENDPOINT = re.compile(r"/v1(/(videos|tasks|models|pricing|management)(/.*)?)?$", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class BaseUrl:
    """
    The root that all paths are resolved against: scheme, host, port and a gateway's path prefix, without ``/v1``.

    :param origin: for example ``https://api.tokenlab.sh``.
    :param prefix: empty, or a path without a slash at its end.
    """

    origin: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> BaseUrl:
        """
        Read a base URL with or without scheme, port, path prefix, ``/v1``, an endpoint and a slash at the end.

        :raises ConfigurationError: where no host can be read from it.
        """
        text = text.strip()
        try:
            has_scheme = re.match(r"[a-z]+:/", text, re.IGNORECASE)  # also where a slash is missing
            parts = urlsplit(text if has_scheme else f"https://{text}")
            usable = parts.scheme in _PORTS and "@" not in parts.netloc and _is_host(parts.hostname or "")
            origin = _origin(parts) if usable and not parts.query and not parts.fragment else None
        except ValueError:
            origin = None
        if not origin:
            shown = re.sub(r"[^/]*@", "…@", text)
            raise ConfigurationError(f"{shown!r} is no base URL: it should look like {DEFAULT_BASE_URL}")
        return cls(origin, _ENDPOINT.sub("", parts.path.rstrip("/")).rstrip("/"))

    @property
    def is_plain_http_elsewhere(self) -> bool:
        """Say whether a key sent there could be read on the way."""
        parts = urlsplit(self.origin)
        return parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS

    def resolve(self, target: str) -> str | None:
        """Return the URL to call for a path or a URL, or nothing where it belongs to another origin."""
        if target.startswith("//") or "://" in target.partition("?")[0]:
            return target if self.is_same_origin(target) else None
        path = f"/{target.lstrip('/')}"
        inside = not self.prefix or path.startswith(f"{self.prefix}/")
        return f"{self.origin}{path}" if inside else f"{self.origin}{self.prefix}{path}"

    def is_same_origin(self, url: str) -> bool:
        """Say whether a URL has our scheme, host and port, so that it may see the key."""
        if url.startswith(f"{self.origin}/"):
            return True  # as almost all do, in the one spelling that needs no parsing
        try:
            return _origin(urlsplit(url)) == self.origin
        except ValueError:
            return False

    @property
    def host(self) -> str:
        """Return the host name."""
        return urlsplit(self.origin).hostname or ""

    def other_host(self, location: str) -> str | None:
        """Return the origin of a redirect to another host, or ``None``."""
        try:
            parts = urlsplit(location)
            is_other = parts.scheme in _PORTS and parts.hostname and parts.hostname.lower() != self.host
            return _origin(parts) if is_other else None
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}"


def _is_host(host: str) -> bool:
    """Say whether name servers could know this host; one outside of ASCII is written as ``xn--…``."""
    labels = host.removesuffix(".").split(".")
    return ":" in host or all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in labels)


def _origin(parts: SplitResult) -> str:
    """Return scheme, host and port in one spelling: lower case, and no port that the scheme implies."""
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = "" if parts.port in (None, _PORTS.get(scheme)) else f":{parts.port}"
    return urlunsplit((scheme, f"[{host}]{port}" if ":" in host else f"{host}{port}", "", "", ""))
