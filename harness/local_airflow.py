"""A real Airflow on this machine, started and stopped from Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness import processes
from harness.airflow_api import AirflowApi

COMPONENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "api-server": ("api-server",),
        # The log servers would listen on all addresses, and the API server sees the files anyway.
        "scheduler": ("scheduler", "--skip-serve-logs"),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
)
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
FINISHED = frozenset({"success", "failed"})
TICK = 0.5
"""Seconds between two checks: Airflow needs the cores more than its watcher."""


class LocalAirflowError(RuntimeError):
    """Airflow did not start, or a part of it died; the message ends with the last lines that it printed."""


class LocalAirflow(AirflowApi):
    """API server, scheduler (LocalExecutor), DAG processor and triggerer on 127.0.0.1, database in ``home``.

    Other components and settings make another Airflow of it, see ``tests/distributed/conftest.py``.

    :param home: AIRFLOW_HOME, made if need be; what still runs from an earlier use of it is ended first.
    :param dags: the DAGs folder.
    :param python: the interpreter of the environment that Airflow is installed in.
    :param environment: what Airflow gets beside a clean environment: connections, settings, a database.
    :param components: the arguments of ``airflow`` by name, started in this order.
    """

    def __init__(
        self,
        *,
        home: Path,
        dags: Path,
        python: Path = Path(sys.executable),
        environment: Mapping[str, str] = MappingProxyType({}),
        components: Mapping[str, tuple[str, ...]] = COMPONENTS,
    ) -> None:
        self.home = home.absolute()
        self.logs = self.home / "logs"
        self.components: dict[str, subprocess.Popen[bytes]] = {}
        self._bin = python.absolute().parent  # not resolved: the link is what makes it that of a virtual environment
        self._port = processes.free_port()
        self._commands = components
        self._environment = {**_inherited(self._bin), **_settings(self.home, dags, self._port), **environment}
        self._signals = ExitStack()
        super().__init__(f"http://127.0.0.1:{self._port}")

    def __enter__(self) -> LocalAirflow:
        self.start()
        try:
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, prepare: Callable[[], object] = bool) -> None:
        """
        Make the database and start every component, or raise and leave nothing running.

        :param prepare: called when the database is there, and no component writes to it yet.
        """
        self._signals.enter_context(processes.exit_on_termination())
        try:
            processes.end(self.mark)
            self.logs.mkdir(parents=True, exist_ok=True)
            # First and alone: it also writes airflow.cfg, with secrets of this home that all components share.
            self.run("db", "migrate")
            prepare()
            for component in self._commands:
                self.restart(component)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process of this Airflow, orphans included; raises ``StillRunningError`` if that fails."""
        with self._signals, processes.deferred_signals():
            self.close()
            try:
                processes.end(self.mark, self.components.values())
            finally:
                self.components.clear()

    @property
    def mark(self) -> str:
        """What all processes of this Airflow carry in their environment, see ``processes.MARK``."""
        return str(self.home)

    @property
    def environment(self) -> Mapping[str, str]:
        """What every process of this Airflow has in its environment, for a script that is to run beside them."""
        return MappingProxyType(self._environment)

    def kill(self, component: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End all processes of a component with a signal; unlike a crash, that ends no wait."""
        process = self.components.pop(component)
        processes.send([process], number)
        process.wait(timeout=30)

    def restart(self, component: str) -> None:
        """Start a component that is not running, or that was killed."""
        self.components[component] = self._spawn(component, *self._commands[component])

    def start_another(self, component: str, name: str) -> None:
        """Start one more process of a component, under a name by which ``kill`` ends it."""
        self.components[name] = self._spawn(name, *self._commands[component])

    def run(self, *arguments: str, timeout: float = 120) -> str:
        """Run an ``airflow`` command to its end, and return what it printed; raises if it failed."""
        name = "-".join(arguments[:2])
        output = self.logs / f"{name}.out"
        before = output.stat().st_size if output.exists() else 0
        if self._spawn(name, *arguments).wait(timeout=timeout):
            raise self._failure(f"`airflow {' '.join(arguments)}` failed", name)
        return output.read_bytes()[before:].decode(errors="replace")

    def wait_until_healthy(self, timeout: float = 120, on_tick: Callable[[dict[str, str]], None] | None = None) -> None:
        """Wait until all components say that they are well; ``on_tick`` gets the status of each."""

        def healthy() -> bool:
            health = self.health()
            if on_tick:
                on_tick(health)
            return set(health.values()) == {"healthy"}

        self.wait_until(healthy, timeout, "Becoming healthy")

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, once it has been parsed."""
        self.wait_until(lambda: self.has_dag(dag_id), 60, f"Parsing {dag_id}")
        self.api("PATCH", f"/dags/{dag_id}", is_paused=False)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, logical_date: datetime | None = None) -> str:
        """Start a run of a DAG, once that has been parsed, and return the run's id."""
        self.unpause(dag_id)
        date = logical_date.isoformat() if logical_date else None
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", conf=dict(conf or {}), logical_date=date)
        return str(run["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, timeout: float, on_tick: Callable[[], None] | None = None) -> str:
        """Wait for the end of a run and return its state."""
        state = ""

        def finished() -> bool:
            nonlocal state
            state = self.run_state(dag_id, run_id)
            if on_tick:
                on_tick()
            return state in FINISHED

        self.wait_until(finished, timeout, f"{dag_id} {run_id}")
        return state

    def wait_until(self, done: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait for a condition; raises ``TimeoutError``, and ``LocalAirflowError`` when a component ends meanwhile."""
        deadline = time.monotonic() + timeout
        while not done():
            for component, process in self.components.items():
                if process.poll() is not None:
                    raise self._failure(f"{component} ended with {process.returncode}", component)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} took longer than {timeout:g} s; logs are in {self.logs}")
            time.sleep(TICK)

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return processes.spawn(
            [str(self._bin / "airflow"), *arguments],
            mark=self.mark,
            environment=self._environment,
            output=self.logs / f"{name}.out",
        )

    def _failure(self, what: str, output: str) -> LocalAirflowError:
        path = self.logs / f"{output}.out"
        return LocalAirflowError(
            "\n".join([f"{what}; {path} ends with", *path.read_text(errors="replace").splitlines()[-15:]])
        )


def _inherited(python_bin: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in (*PASSED_ON, *PROXIES) if name in os.environ}
    never = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1", "localhost"]))
    path = os.pathsep.join(filter(None, [str(python_bin), passed.get("PATH")]))
    return {**passed, "PATH": path, "NO_PROXY": never, "no_proxy": never}


def _settings(home: Path, dags: Path, port: int) -> dict[str, str]:
    """What differs from a fresh Airflow. Heartbeats and the scheduler's loop do not: times stay honest."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags.absolute()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",  # processes that the scheduler forks at once; the default is 32
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks DNS
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",  # a new file is seen after 5 s, not after 300 s
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",  # a file that did not change: not every 30 s
        # No process listens there: better than the log server of another Airflow on the default ports.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "9",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": "9",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
