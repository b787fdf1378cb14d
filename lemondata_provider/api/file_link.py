"""
Open the link of a file, and follow its redirects, without a key.

A link comes from an answer of the service, or from a user, so it may lead anywhere: to a local file, or to the address
where clouds tell a machine its own credentials (169.254.169.254). Both are refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from lemondata_provider.api.errors import DownloadError

MAX_REDIRECTS = 10


@contextmanager
def open_link(http: httpx.Client, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
    """
    Send a GET and give the answer before its body is read.

    :param http: a client without a key that follows no redirect by itself.
    :param url: the link.
    :param headers: sent to every host on the way.
    :raises DownloadError: the link, or a redirect, leads to an address that is not allowed.
    :raises httpx.HTTPError: the transfer failed.
    """
    try:
        request = http.build_request("GET", url, headers=headers)
    except (httpx.InvalidURL, UnicodeError):
        raise DownloadError("The link to the video is no URL.") from None
    for _ in range(MAX_REDIRECTS + 1):
        _check_url(request.url)
        response = http.send(request, stream=True)
        try:
            _check_peer(response)
            if response.next_request is None:
                yield response
                return
            request = response.next_request
        finally:
            response.close()
    raise DownloadError(f"{shown(url)} redirects more than {MAX_REDIRECTS} times.")


def shown(url: object) -> str:
    """Return a link as a log may show it: without user, query and fragment, which may hold secrets."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return "the link"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _check_url(url: httpx.URL) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise DownloadError(f"{shown(url)} is no http or https link.")
    if is_link_local(url.host):
        raise _link_local(url)


def _check_peer(response: httpx.Response) -> None:
    """Check the address that was reached: a name, or a number in another spelling, may mean a link-local one."""
    stream = response.extensions.get("network_stream")
    try:
        address = stream.get_extra_info("server_addr") if stream else None
    except OSError as error:  # reset right after the head of the answer
        raise httpx.ReadError(str(error)) from error
    if address and is_link_local(str(address[0])):
        raise _link_local(response.request.url)


def is_link_local(host: str) -> bool:
    """Return whether a host is a link-local address, also one of IPv4 written as IPv6; a name is none."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_link_local


def _link_local(url: httpx.URL) -> DownloadError:
    return DownloadError(f"{shown(url)} leads to a link-local address, where no video is.")
