"""pytest fixtures with a running sandbox, for the tests of the provider's users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lemondata_provider.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def _lemondata_sandbox_server() -> Iterator[Sandbox]:
    # pytest loads this module in every project that installs the provider: only those who ask for it pay.
    try:
        from lemondata_provider.sandbox.server import Sandbox  # noqa: PLC0415 # the extra may be missing
        from lemondata_provider.sandbox.settings import Settings  # noqa: PLC0415 # the same
    except ImportError as missing:
        wanted = "pip install 'airflow-provider-lemondata[sandbox]'"
        # On a user's machine that has the provider without the extra.
        pytest.skip(f"lemondata_sandbox needs {wanted}: {missing.name} is missing.")
    with Sandbox(Settings(pending_seconds=0.05, generation_seconds=0.2, scale_down=16, fps=4)) as server:
        yield server


@pytest.fixture
def lemondata_sandbox(_lemondata_sandbox_server: Sandbox) -> Sandbox:
    """A local LemonData double in its first state: no tasks, no faults, an empty ledger, quick and small videos."""
    _lemondata_sandbox_server.reset()
    return _lemondata_sandbox_server


@pytest.fixture
def lemondata_connection(lemondata_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """
    Return the sandbox, with the connection ``lemondata_default`` pointing to it.

    A test that needs another connection sets ``AIRFLOW_CONN_<ID>`` to ``lemondata_sandbox.connection_uri``.
    """
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", lemondata_sandbox.connection_uri)
    for name in ("NO_PROXY", "no_proxy"):  # no proxy reaches the sandbox
        monkeypatch.setenv(name, ",".join(filter(None, (os.environ.get(name), "127.0.0.1"))))
    return lemondata_sandbox
