"""Who may see which videos, with the FAB auth manager, under a base path and with two API workers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.local_airflow import COMPONENTS, LocalAirflow
from lemondata_provider import __version__
from tests.e2e.fab_users import PASSWORD

ROOT = Path(__file__).parents[2]
BASE_PATH = "/team/airflow"
PLACE = "run_id=run&task_id=clip"
LISTS = ("api/videos", "api/in-flight", "api/filters", "api/spend", "api/summary")
ENVIRONMENT = {
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__API__BASE_URL": f"http://127.0.0.1{BASE_PATH}",
    "AIRFLOW__API__WORKERS": "2",
}

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """An API server with users who may read different things."""
    home = tmp_path_factory.mktemp("fab")
    python = Path(os.environ.get("LEMONDATA_WHEEL_PYTHON", ROOT / ".venv-wheel/bin/python"))
    only = {"api-server": COMPONENTS["api-server"]}
    running = LocalAirflow(home=home, dags=home / "dags", python=python, environment=ENVIRONMENT, components=only)
    script = [str(python), "-m", "tests.e2e.fab_users"]

    def make_users() -> None:
        subprocess.run(script, cwd=ROOT, env={**running.environment, "PYTHONPATH": str(ROOT)}, check=True, timeout=180)

    # Before the API server starts: two processes that make FAB's roles at the same time can both fail.
    running.start(prepare=make_users)
    try:
        running.wait_until(lambda: running.health().get("metadatabase") == "healthy", 120, "Starting the API server")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def ask(fab: LocalAirflow) -> Iterator[Ask]:
    """Ask for a path below the application, as a user, or without one."""
    tokens: dict[str, str] = {}
    with httpx.Client(base_url=f"{fab.url}{BASE_PATH}", timeout=60, trust_env=False) as http:

        def send(path: str, user: str | None = None, method: str = "GET") -> httpx.Response:
            if user and user not in tokens:
                answer = http.post("/auth/token", json={"username": user, "password": PASSWORD})
                tokens[user] = answer.raise_for_status().json()["access_token"]
            cookies = {"_token": tokens[user]} if user else {}
            return http.request(method, f"/lemondata/{path}", headers={"Cookie": f"_token={cookies.get('_token', '')}"})

        yield send


@pytest.mark.parametrize("path", [*LISTS, f"api/video?dag_id=one&{PLACE}"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("user", "status"), [(None, 401), ("nothing", 403), ("no-xcoms", 403), ("one-dag", 200), ("Viewer", 200)]
)
def test_route_with_data_answers_by_the_rights_of_the_user(ask, path, method, user, status):
    assert ask(path, user, method).status_code == status


@pytest.mark.parametrize("path", [f"api/video?dag_id=two&{PLACE}", "api/videos?dag_id=two"])
def test_another_dag_is_refused(ask, path):
    assert ask(path, "one-dag").status_code == 403
    assert ask(path, "Viewer").status_code == 200


@pytest.mark.parametrize("dag_id", ["~", "", "*", "one,two", "two%00", "one&dag_id=~", "~&dag_id=~"])
def test_no_spelling_of_a_dag_leads_to_another_dags_video(ask, dag_id):
    for path in (f"api/video?dag_id={dag_id}&{PLACE}", f"api/videos?dag_id={dag_id}"):
        answer = ask(path, "one-dag")
        assert answer.status_code in (200, 403, 404, 422)
        assert "model-two" not in answer.text


@pytest.mark.parametrize(
    ("user", "dags", "estimated"), [("one-dag", ["one"], "1.00"), ("Viewer", ["one", "two"], "6.00")]
)
def test_role_sees_rows_and_sums_of_its_dags_only(ask, user, dags, estimated):
    answers: dict[str, Any] = {path: ask(path, user).json() for path in LISTS}
    assert sorted(video["dag_id"] for video in answers["api/videos"]["videos"]) == dags
    assert answers["api/filters"]["dags"] == dags
    assert answers["api/spend"]["total"]["estimated"] == answers["api/summary"]["today"]["estimated"] == estimated


def test_broken_token_is_refused_and_files_of_the_page_need_none(ask, fab):
    answer = httpx.get(f"{fab.url}{BASE_PATH}/lemondata/api/videos", headers={"Cookie": "_token=made.up.token"})
    assert answer.status_code in (401, 403)
    assert ask(f"static/{__version__}/videos.js").status_code == 200
    assert ask("api/openapi.json").json()["servers"] == [{"url": f"{BASE_PATH}/lemondata"}]


def test_airflow_lists_the_plugin_with_addresses_below_its_base_path(fab):
    with httpx.Client(base_url=f"{fab.url}{BASE_PATH}", timeout=60, trust_env=False) as http:
        token = http.post("/auth/token", json={"username": "Admin", "password": PASSWORD}).json()["access_token"]
        plugins = http.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token}"}).json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "lemondata"]
    assert len(ours["react_apps"]) == 3
    assert all(entry["bundle_url"].startswith(f"{BASE_PATH}/lemondata/static/") for entry in ours["react_apps"])
