"""What the page of videos asks of Airflow: each list and sum through HTTP, and the start of every command."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from benchmarks.downloads import write_video
from benchmarks.page_parts.fill import CLIP, DAGS, RARE, SHARE
from benchmarks.report import PROCESSES, Report, in_new_processes
from harness import servers
from harness.local_airflow import COMPONENTS, LocalAirflow

ROOT = Path(__file__).parents[1]
TASK_INSTANCES = 50_000
REPEATS = 15
MAX_MS, MAX_START_MS, MAX_MEDIA_MS = 100, 20, 300
STREAMS, CLIP_SIZE = 8, 30  # at the same time; mebibytes
NOTE = f"""\
ms, medians of {REPEATS} requests, with permissions and JSON: {TASK_INSTANCES // SHARE:,} videos of {TASK_INSTANCES:,}
task instances of {DAGS} DAGs. Start: of {PROCESSES} processes, after Airflow's own part of loading plugins."""

START = """
import time
import airflow.configuration, airflow.plugins_manager
start = time.perf_counter()
import lemondata_provider.plugins.plugin
print((time.perf_counter() - start) * 1000)
"""


@contextmanager
def airflow(python: Path, environment: dict[str, str]) -> Iterator[LocalAirflow]:
    """An API server with that many videos."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        write_video(home / CLIP, CLIP_SIZE)
        environment = {**environment, "AIRFLOW__LEMONDATA__MEDIA_ROOTS": json.dumps({f"file://{folder}": None})}
        only = {"api-server": COMPONENTS["api-server"]}
        running = LocalAirflow(home=home, dags=home / "dags", python=python, environment=environment, components=only)
        running.start()
        try:
            fill = [str(python), "-m", "benchmarks.page_parts.fill", str(TASK_INSTANCES)]
            inside = {**running.environment, "PYTHONPATH": str(ROOT)}
            subprocess.run(fill, cwd=ROOT, env=inside, check=True, stdout=subprocess.DEVNULL)
            running.wait_until(
                lambda: running.health().get("metadatabase") == "healthy", 180, "Starting the API server"
            )
            yield running
        finally:
            running.stop()


def measure(http: httpx.Client, report: Report, database: str) -> None:
    """Ask for everything that the page asks for."""
    far = cursor_of(http, 48)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 10 * 86_400))
    month = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 30 * 86_400))
    questions = {
        "first page": "videos",
        "page 200": f"videos?after={far}",
        "100 a page": "videos?limit=100",
        "model of every second video": "videos?model=veo3.1-fast",
        "model of every hundredth video": f"videos?model={RARE}",
        "one DAG": "videos?dag_id=dag_7",
        "failed": "videos?state=failed",
        "unknown": "videos?state=unknown",
        "in flight": "in-flight",
        "one day": f"videos?since={day}&until={day}",
        "filters": "filters",
        "summary": "summary",
        "spend of 30 days by day": f"spend?by=day&since={month}",
        "spend of all time by model": "spend?by=model",
    }
    for what, question in questions.items():
        report.add(f"{database}: {what}", median_ms(partial(ask, http, question)), MAX_MS, 1)
    report.section()


def measure_media(http: httpx.Client, report: Report, database: str) -> None:
    """Ask for the file of a video, and for the list while several files are sent."""
    (video,) = ask(http, "videos?state=completed&limit=1").json()["videos"]
    address = f"/lemondata/{video['media']['video']}"

    def first_bytes() -> None:
        with http.stream("GET", address) as answer:
            next(answer.raise_for_status().iter_raw())

    report.add(f"{database}: first bytes of a video", median_ms(first_bytes), MAX_MEDIA_MS, 1)
    with ThreadPoolExecutor(STREAMS) as pool:
        streams = [pool.submit(lambda: http.get(address).raise_for_status()) for _ in range(STREAMS)]
        asked = [timed_ms(partial(ask, http, "videos"))]
        while not all(stream.done() for stream in streams):
            asked.append(timed_ms(partial(ask, http, "videos")))
        sizes = {len(stream.result().content) for stream in streams}
    assert min(sizes) > CLIP_SIZE * 1024 * 1024
    report.add(f"{database}: first page beside {STREAMS} videos of {CLIP_SIZE} MiB", median(asked), MAX_MEDIA_MS, 1)
    report.section()


def ask(http: httpx.Client, question: str) -> httpx.Response:
    return http.get(f"/lemondata/api/{question}").raise_for_status()


def cursor_of(http: httpx.Client, pages: int) -> str:
    """Return the cursor after so many pages of a hundred videos."""
    after = ""
    for _ in range(pages):
        after = ask(http, f"videos?limit=100&after={after}").json()["next"]
    return after


def median_ms(call: Callable[[], object]) -> float:
    call()
    return median(timed_ms(call) for _ in range(REPEATS))


def timed_ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def run(report: Report, database: str, python: Path, environment: dict[str, str]) -> None:
    with airflow(python, environment) as running:
        token = httpx.get(f"{running.url}/auth/token", trust_env=False).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=60, trust_env=False) as http:
            measure(http, report, database)
            measure_media(http, report, database)


def main() -> int:
    report = Report("The page of videos", NOTE)
    report.add("start of an Airflow command", in_new_processes(START)[0], MAX_START_MS, 1)
    report.section()
    run(report, "SQLite", Path(sys.executable), {})
    with ExitStack() as stack:
        try:
            database = stack.enter_context(servers.postgres_database())
        except servers.ServerMissingError as error:
            sys.stderr.write(f"PostgreSQL is not measured: {error}\n")
            return report.finish()
        run(report, "PostgreSQL", Path(sys.executable), {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database})
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
