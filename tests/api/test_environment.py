"""Proxies and certificates of the environment: one error that names the variable, and never its value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lemondata_provider.api.client import AsyncClient, Client
from lemondata_provider.api.environment import ssl_context
from lemondata_provider.api.errors import ConfigurationError
from tests.api.doubles import KEY

URL = "http://gateway.example"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NO_PROXY", "[::1]", "NO_PROXY has an entry that cannot be read: write an IPv6 address without brackets"),
        ("NO_PROXY", "localhost, fd00::/8", "NO_PROXY has an entry"),
        ("no_proxy", "[::1]:8080", "no_proxy has an entry"),
        ("HTTPS_PROXY", "socks5://h:1080", r"HTTPS_PROXY names a SOCKS proxy, .* pip install 'httpx\[socks\]'"),
        ("all_proxy", "socks5h://h:1080", "all_proxy names a SOCKS proxy"),
        ("HTTPS_PROXY", "http://me:se#cret@h:1", "HTTPS_PROXY has a password that is cut short: write # as %23"),
        ("HTTPS_PROXY", "me:12#cret@h:1", "HTTPS_PROXY has a password that is cut short"),
        ("HTTP_PROXY", "http://me:12?cret@h:1", "HTTP_PROXY has a password that is cut short"),
        ("ALL_PROXY", "http://me:12/cret@h:1", "ALL_PROXY has a password that is cut short"),
        ("HTTPS_PROXY", "http://h:port", "HTTPS_PROXY is no URL of a proxy"),
        ("https_proxy", "ftp://h", "https_proxy is no URL of a proxy"),
        ("HTTPS_PROXY", "http://[::1", "HTTPS_PROXY is no URL of a proxy"),
        ("HTTPS_PROXY", "http://", "HTTPS_PROXY is no URL of a proxy"),
    ],
)
def test_client_invalid_proxy_variable_raises_error_that_names_it(monkeypatch, client, name, value, sentence):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        client(KEY, URL)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "variables",
    [
        {"NO_PROXY": "::1,localhost,.example,10.0.0.0/8"},
        {"HTTPS_PROXY": "http://me:se%23cret@proxy.example:8080"},
        {"https_proxy": "proxy.example:8080", "HTTP_PROXY": ""},
        {"ALL_PROXY": "http://[::1]:8080"},
    ],
    ids=str,
)
def test_client_valid_proxy_variables_are_accepted(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Client(KEY, URL).close()


@pytest.fixture
def no_cache():
    """Certificates that are loaded again: the process keeps what it has loaded."""
    from lemondata_provider.api import environment  # noqa: PLC0415 # its cache is private

    environment._loaded.cache_clear()
    yield
    environment._loaded.cache_clear()


@pytest.mark.parametrize("kind", ["missing", "folder", "no certificate", "pipe"])
def test_client_unusable_ssl_cert_file_raises_error_that_names_it(monkeypatch, tmp_path, no_cache, kind):
    path = place(tmp_path, kind)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConfigurationError, match="variable SSL_CERT_FILE names no usable CA file: ") as refused:
        Client(KEY, URL)
    assert str(path) in str(refused.value)
    Client(KEY, URL, verify=False).close()  # reads no certificates


def test_client_missing_ssl_cert_dir_raises_error_that_names_it(monkeypatch, tmp_path, no_cache):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="variable SSL_CERT_DIR names no folder: "):
        Client(KEY, URL)
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'none'}{os.pathsep}{tmp_path}")
    Client(KEY, URL).close()


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_ssl_context_verify_is_no_regular_file_raises_and_does_not_hang(tmp_path, kind):
    with pytest.raises(ConfigurationError, match="verify is no usable CA file here"):
        ssl_context(str(place(tmp_path, kind)))


def place(folder: Path, kind: str) -> Path:
    path = folder / "ca.pem"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "no certificate":
        path.write_text("nothing")
    return path
