"""Connections, proxies and certificates, with a real server."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lemondata_provider.api import calls
from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.environment import ssl_context
from lemondata_provider.api.errors import ConfigurationError, ConnectionFailedError, LemonDataError
from lemondata_provider.api.submit_outcome import SubmitOutcome, classify_submit_error
from lemondata_provider.api.task import TaskStatus
from lemondata_provider.api.wire import LIMITS
from tests.api.doubles import KEY, POLL, SUBMIT


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.opened = 0
        self.busy = 0
        self.busiest = 0
        self.lines: list[str] = []
        self.all_arrived = threading.Event()
        self.expected = 1
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        with self.server.lock:
            self.server.opened += 1
        super().setup()

    def do_GET(self) -> None:  # the standard library's name
        server = self.server
        with server.lock:
            server.lines.append(self.requestline)
            server.busy += 1
            server.busiest = max(server.busiest, server.busy)
            if server.busy >= server.expected:
                server.all_arrived.set()
        server.all_arrived.wait(2)
        body = b'{"status": "processing"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with server.lock:
            server.busy -= 1
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.all_arrived.set()
        server.shutdown()
        thread.join()


async def test_async_client_slow_answers_block_no_other_request(server: Server) -> None:
    server.expected = 24
    async with AsyncClient(KEY, server.url) as client:
        tasks = await asyncio.gather(*[client.send_once(POLL) for _ in range(24)])
    assert [task.status for task in tasks] == [TaskStatus.PROCESSING] * 24
    assert server.busiest == 24


def test_client_several_requests_share_one_connection(server: Server) -> None:
    with Client(KEY, server.url) as client:
        for _ in range(5):
            client.send_once(POLL)
    assert server.opened == 1


def test_limits_idle_connection_is_kept_for_a_minute() -> None:
    assert LIMITS.keepalive_expiry is not None
    assert LIMITS.keepalive_expiry >= 60


def test_client_proxy_in_environment_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Client(KEY, "http://lemondata.test") as client:
        assert client.send_once(POLL).status is TaskStatus.PROCESSING
    assert server.lines == ["GET http://lemondata.test/v1/tasks/t1 HTTP/1.1"]


def test_client_connection_refused_raises_and_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        client = Client(KEY, f"http://127.0.0.1:{bound.getsockname()[1]}")
        with client, pytest.raises(ConnectionFailedError) as caught:
            client.send_once(SUBMIT)
    assert classify_submit_error(caught.value) is SubmitOutcome.NOT_SENT


def test_client_connection_refused_names_url_and_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        base_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with Client(KEY, base_url, connection="lemondata_eu") as client, pytest.raises(ConnectionFailedError) as caught:
            client.send_once(calls.get_task("/v1/tasks/t1?signature=abc"))
    assert f"Cannot connect to {base_url}/v1/tasks/t1 (connection 'lemondata_eu')" in caught.value.message
    assert "signature" not in caught.value.message


def test_ssl_context_called_twice_is_the_same_object() -> None:
    assert ssl_context() is ssl_context(True)
    assert ssl_context(True).verify_mode is ssl.CERT_REQUIRED
    assert ssl_context(True).check_hostname


def test_ssl_context_verify_false_checks_no_certificate() -> None:
    assert ssl_context(False) is not ssl_context(True)
    assert ssl_context(False).verify_mode is ssl.CERT_NONE


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of our own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "ca.pem", folder / "key.pem"
    public.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def test_verify_ca_file_is_used_to_check_certificates(server: Server, certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    url, ca_file = f"https://localhost:{server.server_port}", str(certificate[0])
    with Client(KEY, url, verify=ca_file) as client:
        assert client.send_once(POLL).status is TaskStatus.PROCESSING
    with Client(KEY, url, verify=False) as client:
        assert client.send_once(POLL).status is TaskStatus.PROCESSING
    with Client(KEY, url) as client, pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
        client.send_once(SUBMIT)
    assert ssl_context(ca_file) is ssl_context(ca_file)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("name", ["missing.pem", "garbage.pem", "."])
def test_verify_unusable_ca_file_is_refused(client: Callable[..., Any], name: str, tmp_path: Path) -> None:
    (tmp_path / "garbage.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError) as caught:
        client(KEY, verify=str(tmp_path / name))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".test", ".test"])
def test_client_host_invalid_in_dns_raises_and_is_not_sent(host: str) -> None:
    with pytest.raises(LemonDataError) as caught, Client(KEY, f"http://{host}") as client:
        client.send_once(SUBMIT)
    assert classify_submit_error(caught.value) is SubmitOutcome.NOT_SENT
