"""Where a link may lead: over redirects without any secret, and never to a machine's own secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lemondata_provider.api.errors import DownloadError
from lemondata_provider.api.file_link import is_link_local, open_link, shown
from tests.api.file_server import FileServer, Reply, serving
from tests.api.video_files import CLIP


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CLIP) as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[FileServer]:
    with serving(CLIP) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client


def moved(location: str, status: int = 302) -> Reply:
    return Reply(status=status, body=b"", headers={"Location": location})


def test_open_link_redirected_elsewhere_follows_with_the_same_range(server: Any, elsewhere: Any, http: Any) -> None:
    server.script = [moved(elsewhere.url)]
    with open_link(http, server.url, {"Range": "bytes=10-", "If-Range": '"one"'}) as response:
        assert response.status_code == 206
        assert response.read() == CLIP[10:]
    assert elsewhere.ranges == ["bytes=10-"]


def test_open_link_user_in_the_link_stays_with_its_host(server: Any, elsewhere: Any, http: Any) -> None:
    server.script = [moved(elsewhere.url)]
    with open_link(http, server.url.replace("http://", "http://user:secret@"), {}):
        assert "authorization" in server.requests[0]
        assert "authorization" not in elsewhere.requests[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_open_link_redirected_to_a_local_file_is_refused(server: Any, http: Any, status: int) -> None:
    server.script = [moved("file:///etc/passwd", status)]
    with pytest.raises(DownloadError, match="no http or https link"), open_link(http, server.url, {}):
        pass


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/clip.mp4", "/files/clip.mp4", "", "http://", "x:y"])
def test_open_link_of_another_scheme_is_refused(http: Any, url: str) -> None:
    with pytest.raises(DownloadError), open_link(http, url, {}):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/?token=secret",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
    ],
)
def test_open_link_to_a_link_local_address_is_refused_unsent(server: Any, http: Any, url: str) -> None:
    server.script = [moved(url)]
    for link in (url, server.url):
        with pytest.raises(DownloadError, match="link-local") as caught, open_link(http, link, {}):
            pass
        assert "secret" not in str(caught.value)


class LinkLocalPeer(httpx.BaseTransport):
    """A host whose name, or whose address in another spelling, led to the metadata of a cloud machine."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"secret", extensions={"network_stream": self})

    def get_extra_info(self, name: str) -> Any:
        return ("169.254.169.254", 80) if name == "server_addr" else None


@pytest.mark.parametrize("url", ["http://innocent.example/", "http://2852039166/", "http://0xA9FEA9FE/"])
def test_open_link_name_of_a_link_local_address_is_refused_before_the_body(url: str) -> None:
    with (
        httpx.Client(transport=LinkLocalPeer()) as http,
        pytest.raises(DownloadError, match="link-local"),
        open_link(http, url, {}),
    ):
        pass


def test_open_link_real_connection_shows_its_peer(server: Any, http: Any) -> None:
    with open_link(http, server.url, {}) as response:
        assert response.extensions["network_stream"].get_extra_info("server_addr")[0] == "127.0.0.1"


def test_open_link_endless_redirects_are_refused(server: Any, http: Any) -> None:
    server.script = [moved(server.url) for _ in range(20)]
    with pytest.raises(DownloadError, match="more than 10 times"), open_link(http, server.url, {}):
        pass
    assert len(server.requests) == 11


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("169.254.1.1", True),
        ("fe80::1%eth0", True),
        ("::ffff:169.254.1.1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("fd00::1", False),
        ("metadata.internal", False),
        ("", False),
    ],
)
def test_is_link_local_private_addresses_are_allowed(host: str, expected: bool) -> None:
    assert is_link_local(host) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pw@cdn.example:8443/a/b.mp4?X-Signature=s#f", "https://cdn.example:8443/a/b.mp4"),
        ("http://[::1/", "the link"),
    ],
)
def test_shown_hides_user_query_and_fragment(url: str, expected: str) -> None:
    assert shown(url) == expected
