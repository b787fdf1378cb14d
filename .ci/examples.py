"""
Run the example DAGs of an installed package against the sandbox: python .ci/examples.py HOME [NAME …]

HOME is a new folder for Airflow; with names, only these DAGs are run. The files come from
`airflow lemondata examples --copy`, and Airflow's `dag.test()` runs each DAG. DAGs that wait for a partition, or that
this Airflow leaves out, are named and not run.
"""

# ruff: noqa: PLC0415 # Airflow reads its settings when it is imported

from __future__ import annotations

import os
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

PARTITIONED = {"lemondata_upscale_each_clip"}  # dag.test() gives a run no partition key
ASKS = "approve"  # the task that waits for a person counts as answered


def main(home: Path, *names: str) -> int:
    """Copy, parse and run; return 1 if a DAG did not succeed."""
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    os.environ.update(settings)
    for command in (["db", "migrate"], ["lemondata", "examples", "--copy", str(home / "dags")]):
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command], capture_output=True, text=True, check=False, cwd=home
        )
        if done.returncode:
            print(done.stdout, done.stderr)
            return 1
    return run_all(home, names)


def run_all(home: Path, names: tuple[str, ...]) -> int:
    """Run the DAGs of a home in this process."""
    from lemondata_provider.sandbox.server import Sandbox
    from lemondata_provider.sandbox.settings import Settings

    with Sandbox(Settings(pending_seconds=0.05, generation_seconds=0.2)) as sandbox:
        os.environ["AIRFLOW_CONN_LEMONDATA_DEFAULT"] = sandbox.connection_uri
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(home / "dags")
        files = sorted(path.stem for path in (home / "dags").glob("*.py"))
        failed = [f"{path}: {error}" for path, error in bag.import_errors.items()]
        ran = [name for name in files if name in bag.dags.keys() - PARTITIONED and name in (names or files)]
        for name in ran:
            if why := run(bag.dags[name], home):
                failed.append(f"{name}: {why}")
        paid = len(sandbox.ledger.creates)
    rest = ", ".join(name for name in files if name not in ran)
    print(f"{len(files)} parsed, {len(ran)} run, {paid} videos; only parsed: {rest}")
    for line in failed:
        print(line)
    return int(bool(failed) or not ran)


def run(dag: Any, home: Path) -> str:
    """Run one DAG with files of this machine, and return what is wrong."""
    started = time.monotonic()
    for task in dag.tasks:  # videos are ready in a moment here
        if task.task_type == "SubmitVideoOperator":
            (task.partial_kwargs if task.is_mapped else vars(task))["poll_interval"] = 0.2
    folder = home / "videos" / dag.dag_id
    given = {**inputs(home), "folder": str(folder)}
    ended = dag.test(
        run_conf={name: value for name, value in given.items() if name in dag.params}, mark_success_pattern=ASKS
    )
    print(f"{dag.dag_id}: {ended.state} in {time.monotonic() - started:.1f} s", file=sys.stderr)
    states = {f"{ti.task_id}[{ti.map_index}]": str(ti.state) for ti in ended.get_task_instances()}
    if ended.state != "success":
        return str(states)
    return "it stored no video" if "folder" in dag.params and not [*folder.rglob("*.mp4")] else ""


def inputs(home: Path) -> dict[str, str]:
    """Return a file for each input of the examples, by the name of its Param."""
    from lemondata_provider.sandbox.media import write_last_frame
    from lemondata_provider.sandbox.videos import READY_MADE_CLIP

    picture, sound, table = home / "picture.png", home / "sound.wav", home / "prompts.csv"
    write_last_frame(READY_MADE_CLIP, picture)
    table.write_text('id,prompt\nfox,"A fox, running"\nowl,An owl\n', encoding="utf-8")
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    pictures = dict.fromkeys(("image_url", "character", "outfit", "start_image", "end_image"), str(picture))
    return {**pictures, "video_url": str(READY_MADE_CLIP), "audio_url": str(sound), "csv": str(table)}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
