"""The controls of the sandbox are for this machine: no web page of another host may use them."""

from __future__ import annotations

import httpx
import pytest

from lemondata_provider.sandbox.app import MAX_BODY_BYTES
from lemondata_provider.sandbox.server import Sandbox

CONTROLS = [
    *(("GET", f"/sandbox/{name}") for name in ("ledger", "tasks", "settings", "faults")),
    *(("POST", "/sandbox/reset"), ("POST", "/sandbox/faults"), ("PATCH", "/sandbox/settings")),
]
FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8089"},
    {"Host": "localhost.evil.example"},
    {"Host": "127.0.0.1.nip.io"},
    {"Host": ""},
    {"Host": "[::1"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost@evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), CONTROLS)
def test_control_foreign_host_or_origin_is_forbidden_and_changes_nothing(api, method, path, headers):
    api.post()
    answer = api.http.request(method, path, headers=headers, json={"kind": "reset", "api_key": "sk-evil"})
    assert answer.status_code == 403
    assert answer.json() == {"error": {"message": "The controls are for this machine only."}}
    assert len(api.sandbox.ledger.creates) == 1
    assert api.post().status_code == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8089", "LOCALHOST:8089"])
def test_control_host_of_this_machine_is_answered(api, host):
    own = {"Host": host, "Origin": f"http://{host}"}
    assert api.http.get("/sandbox/ledger", headers=own).status_code == 200


def test_control_prefix_of_a_gateway_does_not_hide_a_foreign_host(api):
    api.sandbox.configure(path_prefix="/gateway")
    assert api.http.get("/gateway/sandbox/ledger", headers={"Host": "evil.example"}).status_code == 403


def test_api_foreign_host_is_answered(api):
    assert api.http.get("/v1/models", headers={"Host": "gateway.example"}).status_code == 200
    assert api.http.get("/healthz", headers={"Host": "gateway.example"}).status_code == 200


def test_control_bound_host_is_answered():
    with Sandbox(host="127.0.0.2") as sandbox:
        assert httpx.get(f"{sandbox.url}/sandbox/ledger", trust_env=False).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/sandbox/settings"), ("POST", "/sandbox/faults")])
def test_control_body_too_large_is_refused(api, method, path):
    answer = api.http.request(method, path, content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413


def test_create_body_larger_than_any_setting_is_refused(api):
    api.sandbox.configure(max_body_bytes=10 * MAX_BODY_BYTES)
    answer = api.http.post("/v1/videos/generations", content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
