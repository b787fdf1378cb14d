"""A real triggerer on PostgreSQL outlives what servers answer, and waits outlive outages of two minutes."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import psutil

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.request import VideoRequest
from tests.e2e.evidence import states
from tests.hostile.conftest import KINDS

WAITS = 50
OUTAGE = 120.0  # seconds
MAX_MB = 200
MB = 1024 * 1024
PAGE = "<html><body>" + "Your request was blocked. " * 2000 + "</body></html>"


def triggerer_memory(airflow: Any) -> float:
    """Return the resident memory of the triggerer and its children, in MB."""
    family = psutil.Process(airflow.components["triggerer"].pid)
    return float(sum(each.memory_info().rss for each in [family, *family.children(recursive=True)])) / MB


def test_triggerer_on_postgresql_outlives_nul_and_oversized_answers(airflow, capsys):
    idle = triggerer_memory(airflow)
    triggerer = airflow.components["triggerer"].pid
    memory = [idle]
    run_id = airflow.trigger("hostile_answers")
    airflow.wait_for_run("hostile_answers", run_id, 240, on_tick=lambda: memory.append(triggerer_memory(airflow)))
    ended = {task_id: state for (task_id, _), state in states(airflow, "hostile_answers", run_id).items()}
    with capsys.disabled():
        print(f"\n{ended}\ntriggerer: {idle:.0f} MB idle, {max(memory):.0f} MB at most")
    assert ended == {
        "nul_deferred": "success",
        "nul_in_the_worker": "success",
        **{f"{name}_{where}": "failed" for name in ("oversized", "bomb") for where in ("deferred", "in_the_worker")},
        "bystander": "success",
    }
    assert airflow.components["triggerer"].pid == triggerer
    assert max(memory) - idle <= MAX_MB
    for where in ("deferred", "in_the_worker"):
        result = airflow.xcom("hostile_answers", run_id, f"nul_{where}")
        assert (result["video_url"], result["model"]) == ("https://x.test/v.mp4", "ab")
        assert "4 MB" in airflow.failures("hostile_answers", run_id, f"oversized_{where}", 1)[0]


def test_waits_outlive_key_rotation_firewall_and_secrets_outage_of_two_minutes(airflow, services, capsys):
    request = VideoRequest.checked(model="sora-2", prompt="a cat")
    poll_urls = {}
    for kind, service in services.items():
        with Client(service.api_key, service.url) as client:
            poll_urls[kind] = [client.send_once(calls.submit_video(request)).poll_url for _ in range(WAITS)]
    run_id = airflow.trigger("outages", conf=poll_urls)

    def count(state: str) -> int:
        found = states(airflow, "outages", run_id)
        return sum(found[key] == state for key in found if key[0] in KINDS)

    airflow.wait_until(lambda: count("deferred") == WAITS * len(KINDS), 180, "Deferring")
    services["rotated"].fault("error", on="poll", times=-1, status=401, code="invalid_api_key")
    services["firewalled"].fault("error", on="poll", times=-1, status=403, body=PAGE)
    (airflow.home / "secrets_away").touch()
    airflow.kill("triggerer")  # whose successor has to look every connection up
    airflow.restart("triggerer")
    time.sleep(OUTAGE)  # what is tested is this time
    during = Counter(states(airflow, "outages", run_id).values())
    for kind in KINDS[:2]:
        services[kind].service.faults.clear()
    (airflow.home / "secrets_away").unlink()
    airflow.wait_for_run("outages", run_id, timeout=600)
    found = states(airflow, "outages", run_id)
    ended = {kind: Counter(state for (task_id, _), state in found.items() if task_id == kind) for kind in KINDS}
    with capsys.disabled():
        print(f"\nduring the outage {dict(during)}, at the end {ended}")
    assert ended == {kind: {"success": WAITS} for kind in KINDS}
