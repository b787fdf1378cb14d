"""The calls of Airflow's REST API, against a transport without a server."""

from __future__ import annotations

import httpx
import pytest

from harness.airflow_api import AirflowApi


class Scripted(AirflowApi):
    """Its calls get these answers, one after the other."""

    def __init__(self, *answers: httpx.Response) -> None:
        super().__init__("http://airflow.test")
        self.answers = list(answers)
        self.http = httpx.Client(base_url=self.url, transport=httpx.MockTransport(self._answer))

    @property
    def _http(self) -> httpx.Client:
        return self.http

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "token"})
        return self.answers.pop(0)


LOCKED = {"detail": {"reason": "Database error", "message": "Serious error when handling your request."}}


def test_api_two_writers_collide_calls_again() -> None:
    airflow = Scripted(httpx.Response(500, json=LOCKED), httpx.Response(200, json={"is_paused": False}))
    assert airflow.api("PATCH", "/dags/clips", is_paused=False) == {"is_paused": False}


@pytest.mark.parametrize(("status", "body"), [(500, {"detail": "broken"}), (409, LOCKED), (404, {})])
def test_api_another_error_raises_it_at_once(status: int, body: object) -> None:
    airflow = Scripted(httpx.Response(status, json=body), httpx.Response(200, json={}))
    with pytest.raises(httpx.HTTPStatusError, match=f"PATCH /dags/clips: {status}"):
        airflow.api("PATCH", "/dags/clips", is_paused=False)
    assert len(airflow.answers) == 1
