"""One policy in real time, in a process of its own: `python -m benchmarks.polling_parts.live RUN`, RUN as JSON."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.polling_parts.scenarios import chance_of, generation_times
from benchmarks.polling_parts.service import NONE
from benchmarks.polling_parts.simulation import Outcome

LONGEST = 780.0  # seconds; what was not found until then counts as found then
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """A burst in real time.

    :param policy: a name of POLICIES.
    :param size: how many tasks.
    :param progress: a name of PROGRESS.
    :param seed: shuffles the generation times.
    """

    policy: str
    size: int
    progress: str = NONE
    seed: int = 1

    @property
    def key(self) -> str:
        return f"sk-{self.policy}-{self.size}-{self.progress}-{self.seed}".replace("_", "-")


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """The environment of a process that has an Airflow of its own."""
    with TemporaryDirectory() as home:
        logging_level = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        yield {"PATH": os.environ["PATH"], "AIRFLOW_HOME": home, **logging_level}


@contextmanager
def serving() -> Iterator[str]:
    """The service in its own process; its URL."""
    command = [sys.executable, "-m", "benchmarks.polling_parts.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def run_all(runs: list[Run], url: str) -> dict[Run, Outcome]:
    """Run at the same time, each with a key of its own; the bursts begin when all processes are ready."""
    with environment() as variables:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.polling_parts.live", json.dumps(asdict(run)), url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=variables,
            )
            for run in runs
        ]
        try:
            for process in processes:
                _read_until("ready", process)
            for process in processes:
                assert process.stdin
                process.stdin.write("go\n")
                process.stdin.flush()
            # Whatever else they log is before the last line.
            last_lines = [process.communicate()[0].splitlines()[-1] for process in processes]
        finally:
            for process in processes:
                process.kill()
    return {run: Outcome(**json.loads(line)) for run, line in zip(runs, last_lines, strict=True)}


def _read_until(word: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout
    while (line := process.stdout.readline()) != f"{word}\n":
        assert line, "the process ended"


def cost(what: str, url: str) -> dict[str, float]:
    """Measure one of the costs, in a process of its own."""
    with environment() as variables:
        command = [sys.executable, "-m", "benchmarks.polling_parts.costs", what, url]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=variables)
    measured: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return measured


async def perform(run: Run, url: str) -> Outcome:
    """Create the tasks, and wait for all of them."""
    from benchmarks.polling_parts.triggers import POLICIES, Created, Site  # noqa: PLC0415 # they import Airflow

    site, found = Site(url, run.key), {}
    print("ready", flush=True)
    sys.stdin.readline()
    body = {"seconds": generation_times(run.size, chance_of(run.seed)), "progress": run.progress}
    async with httpx.AsyncClient(base_url=url, headers=site.headers) as client:
        tasks = [Created(**task) for task in (await client.post("/burst", json=body)).json()["tasks"]]
        watching = POLICIES[run.policy](site, tasks, lambda task_id: found.setdefault(task_id, time.time()))
        try:
            await asyncio.wait_for(watching, LONGEST)
        except asyncio.TimeoutError:
            logging.error("%s: %d of %d found", run, len(found), run.size)
        ledger = (await client.get("/ledger")).json()
    lags = [found.get(task.id, time.time()) - task.ends for task in tasks]
    return Outcome(lags, ledger["polls"], ledger["refused"])


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(perform(Run(**json.loads(sys.argv[1])), sys.argv[2])))))
