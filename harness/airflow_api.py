"""What a script needs of Airflow's public REST API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

# What is shown in its own way, or repeated in every message of a task's log.
_KNOWN = {"timestamp", "level", "event", "error_detail", "logger", "filename", "lineno"}
_KNOWN |= {"ti", "ti_id", "dag_id", "run_id", "task_id", "map_index", "try_number"}


def _is_collision(error: BaseException) -> bool:
    """Tell whether the database refused a write, as SQLite does if two come together; nothing was changed then."""
    return (
        isinstance(error, httpx.HTTPStatusError)
        and error.response.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        and "Database error" in error.response.text
    )


class AirflowApi:
    """The public REST API of an Airflow whose SimpleAuthManager makes everybody an admin."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _http(self) -> httpx.Client:
        # trust_env: a proxy of the caller has no business between this process and 127.0.0.1.
        # timeout: a worker's first call keeps the API server busy, for half a minute on a machine that is busy too.
        return httpx.Client(base_url=self.url, timeout=90, trust_env=False)

    @cached_property
    def _token(self) -> str:
        return str(self._http.get("/auth/token").raise_for_status().json()["access_token"])

    def close(self) -> None:
        """Close the connections; the next call opens them again."""
        if http := self.__dict__.pop("_http", None):
            http.close()

    @retry(retry=retry_if_exception(_is_collision), stop=stop_after_delay(30), wait=wait_fixed(0.2), reraise=True)
    def api(self, method: str, path: str, **fields: Any) -> Any:
        """Call ``/api/v2{path}``; the fields are the query of a GET and the JSON body of anything else."""
        response = self._http.request(
            method,
            f"/api/v2{path}",
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
            params=fields if method == "GET" else None,
            json=None if method == "GET" else fields,
        )
        if response.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {response.status_code} {response.text}",
                request=response.request,
                response=response,
            )
        return response.json() if response.content else None

    def health(self) -> dict[str, str]:
        """Tell the status of every component, or nothing while the API server does not answer."""
        try:
            answer = self._http.get("/api/v2/monitor/health").raise_for_status().json()
        except httpx.HTTPError:
            return {}
        return {component: str(report["status"]) for component, report in answer.items() if report["status"]}

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether the DAG has been parsed; raises ``RuntimeError`` with the text of import errors."""
        try:
            self.api("GET", f"/dags/{dag_id}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
        else:
            return True
        if errors := self.api("GET", "/importErrors")["import_errors"]:
            raise RuntimeError("\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors))
        return False

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Tell the state of a run: ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str, **query: Any) -> list[dict[str, Any]]:
        """List the task instances of a run, or of all with ``~``, mapped ones included; the query chooses some."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        instances: list[dict[str, Any]] = []
        while True:
            page = self.api("GET", path, order_by="id", limit=100, offset=len(instances), **query)
            instances += page["task_instances"]
            if not page["task_instances"] or len(instances) >= page["total_entries"]:
                return instances

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, key: str = "return_value") -> Any:
        """Fetch one XCom as the value that was pushed."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.api("GET", path, map_index=map_index, deserialize=True)["value"]

    def task_state(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """Return what a task instance has in the task state store, by key."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/state-store"
        entries = self.api("GET", path, map_index=map_index)["task_state_store"]
        return {entry["key"]: entry["value"] for entry in entries}

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> str:
        """Fetch the log of one try as text."""
        return "\n".join(map(_text, self._messages(dag_id, run_id, task_id, try_number, map_index)))

    def failures(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> list[str]:
        """List the exceptions that one try ended with, each as ``type: message``."""
        messages = self._messages(dag_id, run_id, task_id, try_number, map_index)
        return [_summary(error) for message in messages for error in message.get("error_detail") or ()]

    def _messages(
        self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int
    ) -> list[dict[str, Any]]:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.api("GET", path, map_index=map_index, full_content=True)["content"]
        return [{"event": message} if isinstance(message, str) else message for message in content]


def _text(message: Mapping[str, Any]) -> str:
    words = [str(message[name]) for name in ("timestamp", "level", "event") if message.get(name)]
    rest = {name: value for name, value in message.items() if value is not None and name not in _KNOWN}
    lines = [" ".join([*words, json.dumps(rest)] if rest else words)]
    for error in message.get("error_detail") or ():
        lines += [f'  File "{at["filename"]}", line {at["lineno"]}, in {at["name"]}' for at in error["frames"]]
        lines.append(_summary(error))
    return "\n".join(lines)


def _summary(error: Mapping[str, Any]) -> str:
    return f"{error['exc_type']}: {error['exc_value']}"
