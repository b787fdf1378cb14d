"""What Airflow's connection form gets about our fields."""

from __future__ import annotations

from typing import Any

import httpx

from lemondata_provider.get_provider_info import get_provider_info


def test_connection_form_lemondata_type_has_our_fields_and_hides_the_rest(airflow: Any) -> None:
    with httpx.Client(base_url=airflow.url, trust_env=False) as http:
        token = http.get("/auth/token").raise_for_status().json()["access_token"]
        answer = http.get("/ui/connections/hook_meta", headers={"Authorization": f"Bearer {token}"})
    hooks = answer.raise_for_status().json()
    ours = next(hook for hook in hooks if hook["connection_type"] == "lemondata")
    assert ours["hook_name"] == "LemonData"
    standard = ours["standard_fields"]
    assert {name for name, field in standard.items() if field and field.get("hidden")} >= {
        "login",
        "port",
        "url_schema",
    }
    assert standard["password"]["title"] == "API key"
    assert standard["host"]["title"] == "Base URL"
    (connection_type,) = get_provider_info()["connection-types"]
    assert set(ours["extra_fields"]) == {*connection_type["conn-fields"]}
    assert all(field["description"] for field in ours["extra_fields"].values())
