from __future__ import annotations

import asyncio
import json
import ssl
import time
from pathlib import Path

import pytest
import structlog

from lemondata_provider.api.calls import list_models
from lemondata_provider.api.errors import ConfigurationError, ConnectionFailedError
from lemondata_provider.api.polling import PollAgain, TaskPoller, TaskWait
from lemondata_provider.api.urls import DEFAULT_BASE_URL
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.settings import FULL_USER_AGENT, ConnectionSettings

KEY = "sk-0123456789abcdef"


def settings_of(monkeypatch: pytest.MonkeyPatch, **connection: object) -> ConnectionSettings:
    monkeypatch.setenv("AIRFLOW_CONN_CUSTOM", json.dumps({"conn_type": "lemondata", "password": KEY, **connection}))
    return ConnectionSettings.read(LemonDataHook.get_connection("custom"))


def test_connection_key_only_uses_the_public_api(monkeypatch):
    settings = settings_of(monkeypatch)
    assert settings == ConnectionSettings(KEY, DEFAULT_BASE_URL, 60.0, 1000.0, 1, True)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("connection", "base_url"),
    [
        ({"host": "https://gw.example/lemon/v1/"}, "https://gw.example/lemon"),
        ({"host": "gw.example", "port": 8443}, "https://gw.example:8443"),
        ({"host": "https://gw.example:9443", "port": 8443}, "https://gw.example:9443"),
        ({"host": "http://[::1]", "port": 8443}, "http://[::1]:8443"),
        ({"host": "gw.example", "schema": "lemon/v1"}, "https://gw.example/lemon"),
    ],
)
def test_connection_host_port_and_schema_make_the_base_url(monkeypatch, connection, base_url):
    assert settings_of(monkeypatch, **connection).base_url == base_url


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"lemondata://:{KEY}@gw.example:8443/lemon/v1?timeout=30", ("https://gw.example:8443/lemon", 30.0)),
        (f"lemondata://http://:{KEY}@localhost:8089/", ("http://localhost:8089", 60.0)),
        (f"lemondata://:{KEY}@https%3A%2F%2Fapi.lemondata.cc%2Fv1", ("https://api.lemondata.cc", 60.0)),
        (f"lemondata://:{KEY}@", (DEFAULT_BASE_URL, 60.0)),
    ],
)
def test_connection_uri_makes_the_same_settings(monkeypatch, uri, expected):
    monkeypatch.setenv("AIRFLOW_CONN_CUSTOM", uri)
    settings = ConnectionSettings.read(LemonDataHook.get_connection("custom"))
    assert (settings.base_url, settings.timeout, settings.api_key) == (*expected, KEY)


def test_connection_empty_extras_use_defaults(monkeypatch):
    extra = {"timeout": "12.5", "requests_per_minute": 3000, "triggerers": "2", "verify": "false"}
    assert settings_of(monkeypatch, extra=extra) == ConnectionSettings(KEY, DEFAULT_BASE_URL, 12.5, 3000.0, 2, False)
    assert settings_of(monkeypatch, extra={"timeout": None, "verify": ""}).timeout == 60.0
    assert settings_of(monkeypatch, extra={"triggerers": None}).triggerers == 1
    assert settings_of(monkeypatch, extra={"verify": "/etc/ca.pem"}).verify == "/etc/ca.pem"
    assert settings_of(monkeypatch, extra={"verify": False}).verify is False


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"password": ""}, "Connection 'custom', field Password (API key): The API key is empty"),
        ({"password": "sk-a b"}, "field Password (API key): The API key has white space"),
        ({"password": "sk-abc\n"}, "field Password (API key): The API key has a line break"),
        ({"password": "Bearer sk-abc"}, 'field Password (API key): The API key begins with "Bearer "'),
        ({"extra": {"management_token": "Bearer mt-abc"}}, 'field Extra: management_token begins with "Bearer "'),
        ({"password": "sk-ключ"}, "field Password (API key): The API key has white space or characters outside"),
        ({"host": "ftp://files.example"}, "field Host: 'ftp://files.example' is no base URL"),
        ({"host": "https://"}, "field Host: 'https://' is no base URL"),
        ({"host": "https://a.example:port"}, "field Host: 'https://a.example:port' is no base URL"),
        ({"extra": {"time_out": 5}}, "field Extra: unknown key 'time_out'; the keys are timeout"),
        ({"extra": {"timeout": "soon"}}, "field Extra: timeout must be a number above 0, not 'soon'"),
        ({"extra": {"timeout": True}}, "field Extra: timeout must be a number above 0, not True"),
        ({"extra": {"timeout": -1}}, "field Extra: timeout must be a number above 0, not -1"),
        ({"extra": {"requests_per_minute": 0.9}}, "field Extra: requests_per_minute must be at least 1"),
        ({"extra": {"requests_per_minute": [1]}}, "field Extra: requests_per_minute must be a number above 0"),
        ({"extra": {"triggerers": 1.5}}, "field Extra: triggerers must be a whole number above 0, not 1.5"),
        ({"extra": {"triggerers": 0}}, "field Extra: triggerers must be a"),
        ({"extra": {"triggerers": "two"}}, "field Extra: triggerers must be a"),
        ({"extra": [1]}, "field Extra: must be a JSON object"),
        ({"extra": "timeout=5"}, "field Extra: must be a JSON object"),
        ({"extra": {"verify": 1}}, "field Extra: verify must be true, false or the path of a CA file, not 1"),
    ],
)
def test_connection_invalid_field_raises_error_that_names_it(monkeypatch, connection, message):
    with pytest.raises(ConfigurationError) as refused:
        settings_of(monkeypatch, **connection)
    assert message in str(refused.value)
    assert str(refused.value).startswith("Connection 'custom', field ")


def test_get_conn_undefined_connection_raises_error_that_names_it():
    with pytest.raises(ConfigurationError, match="Connection 'nowhere' is not defined"):
        LemonDataHook("nowhere").get_conn()


async def test_get_async_conn_undefined_connection_raises_error_that_names_it():
    with pytest.raises(ConfigurationError, match="Connection 'nowhere' is not defined"):
        await LemonDataHook("nowhere").get_async_conn()


def test_get_conn_missing_ca_file_raises_error_that_names_it(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CUSTOM", json.dumps({"password": KEY, "extra": {"verify": "/nowhere/ca.pem"}}))
    with pytest.raises(
        ConfigurationError, match=r"Connection 'custom', field Extra: .* CA file here: '/nowhere/ca.pem'"
    ):
        LemonDataHook("custom").get_conn()


async def test_get_conn_ca_file_is_loaded(monkeypatch, tmp_path: Path):
    ca = tmp_path / "ca.pem"
    ca.write_text(
        "".join(map(ssl.DER_cert_to_PEM_cert, ssl.create_default_context().get_ca_certs(binary_form=True)[:1]))
    )
    monkeypatch.setenv("AIRFLOW_CONN_CUSTOM", json.dumps({"password": KEY, "extra": {"verify": str(ca)}}))
    async with await LemonDataHook("custom").get_async_conn():
        pass
    LemonDataHook("custom").get_conn().close()


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("http://gw.example", True),
        ("https://gw.example", False),
        ("http://localhost:8089", False),
        ("http://127.0.0.1", False),
        ("http://[::1]:80", False),
    ],
)
def test_get_conn_plain_http_to_another_machine_logs_a_warning(monkeypatch, host, warned):
    monkeypatch.setenv("AIRFLOW_CONN_CUSTOM", json.dumps({"conn_type": "lemondata", "password": KEY, "host": host}))
    with structlog.testing.capture_logs() as logs:
        LemonDataHook("custom").get_conn().close()
    assert ("over plain http" in str(logs)) is warned
    assert KEY not in str(logs)


def test_test_connection_valid_key_is_accepted_and_creates_no_task(sandbox):
    works, message = LemonDataHook().test_connection()
    assert works, message
    assert message == "LemonData accepted the API key"
    assert not sandbox.ledger.creates


@pytest.mark.parametrize(
    "error",
    [
        {"status": 404, "code": "async_task_not_found"},
        {"status": 404, "body": {"error": {"message": "not there", "type": "not_found_error"}}},
        {"status": 403, "code": "task_not_owned"},
    ],
)
def test_test_connection_any_answer_that_needs_a_valid_key_is_accepted(sandbox, error):
    sandbox.fault("error", on="poll", **error)
    assert LemonDataHook().test_connection() == (True, "LemonData accepted the API key")


@pytest.mark.parametrize("error", [{"status": 404, "body": "<html>nothing here"}, {"status": 403, "body": "<html>no"}])
def test_test_connection_answer_of_another_server_is_refused(sandbox, error):
    sandbox.fault("error", on="poll", **error)
    works, message = LemonDataHook().test_connection()
    assert not works
    assert "not LemonData's JSON" in message


@pytest.mark.parametrize("problem", ["key", "server", "connection"])
def test_test_connection_broken_connection_returns_the_reason(sandbox, monkeypatch, problem):
    hook = LemonDataHook("nowhere" if problem == "connection" else "lemondata_default")
    if problem == "key":
        sandbox.configure(api_key="sk-another")
    if problem == "server":
        monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", '{"host": "http://127.0.0.1:9", "password": "sk-x"}')
    works, message = hook.test_connection()
    reasons = {"key": "401 invalid_api_key", "server": "Cannot connect to", "connection": "is not defined"}
    assert not works
    assert reasons[problem] in message


async def test_get_conn_and_get_async_conn_use_the_same_settings(sandbox):
    with LemonDataHook().get_conn() as client:
        models = client.send(list_models())
    async with await LemonDataHook().get_async_conn() as async_client:
        assert [model.id for model in await async_client.send(list_models())] == [model.id for model in models]


def test_list_models_sandbox_returns_its_models(sandbox):
    hook = LemonDataHook()
    assert len(hook.list_models()) == len(hook.list_models(recommended_for="video")) > 30
    assert hook.list_models(category="image") == []
    sandbox.configure(edition="2026-05")
    assert hook.get_model("sora-2").public_contract["allowed_durations"] == [4, 8, 12]


def test_user_agent_names_provider_and_airflow():
    assert FULL_USER_AGENT.startswith("airflow-provider-lemondata/")
    assert " apache-airflow/3." in FULL_USER_AGENT


async def test_get_async_conn_many_clients_do_not_block_the_event_loop(sandbox):
    longest = 0.0
    finished = False

    async def watch() -> None:
        nonlocal longest
        while not finished:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)

    watcher = asyncio.create_task(watch())
    clients = await asyncio.gather(*(LemonDataHook().get_async_conn() for _ in range(20)))
    finished = True
    await watcher
    for client in clients:
        await client.close()
    assert longest < 1.0


class HookWithBrokenSecretsBackend(LemonDataHook):
    @classmethod
    def get_connection(cls, conn_id):
        raise PermissionError("the secrets backend said no")

    @classmethod
    async def aget_connection(cls, conn_id):
        raise PermissionError("the secrets backend said no")


async def test_hook_secrets_backend_error_is_retried_in_event_loop_and_worker():
    hook = HookWithBrokenSecretsBackend("custom")
    with pytest.raises(ConnectionFailedError, match="'custom' could not be looked up: PermissionError: the secrets"):
        await hook.get_async_conn()
    result = hook.poll(TaskPoller(TaskWait("t", "/v1/tasks/t", "custom", time.time() + 100)))
    assert isinstance(result, PollAgain)
    assert not result.needs_confirmation


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"extra": {"timeout": 5, "triggerers": 3}}, True),
        ({"password": "sk-another-key-0001"}, False),
        ({"host": "gw.example"}, False),
    ],
)
def test_connection_key_same_api_key_and_base_url_is_equal(monkeypatch, other, same):
    ours = settings_of(monkeypatch)
    assert (settings_of(monkeypatch, **other).key == ours.key) is same
    assert KEY not in str(ours.key)
