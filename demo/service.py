"""Which LemonData the demo talks to: the sandbox, or the real one if a user at a terminal agrees to pay."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from harness import processes

KEY = "LEMONDATA_API_KEY"
"""The environment variable that LemonData's own examples use."""
CREATES = "four videos: two of {model}, {duration} s each, and two upscaled with {upscale_model}"
_URL = re.compile(r"http://127\.0\.0\.1:\d+")
_API_KEY = re.compile(r"\bsk-[\w-]+")


@dataclass(frozen=True)
class Service:
    """A LemonData to talk to: the real one if it has no ``url``, otherwise a sandbox."""

    api_key: str = field(repr=False)
    url: str = ""

    @property
    def name(self) -> str:
        """Say which one it is, without the key."""
        return f"the sandbox at {self.url}: no key, no cost" if self.url else "the real service: this costs money"

    @property
    def connection(self) -> str:
        """The Airflow connection, as the environment variable ``AIRFLOW_CONN_…`` takes it."""
        fields = {"conn_type": "lemondata", "password": self.api_key}
        return json.dumps(fields | ({"host": self.url} if self.url else {}))

    def percents(self) -> dict[str, int]:
        """Tell the progress of every task by its id; only a sandbox can, without asking once per task."""
        return {one["id"]: int(one["progress"] or 0) for one in self._control("tasks", "tasks")}

    def costs(self) -> dict[str, Decimal]:
        """Tell what each task cost in USD by its id; only a sandbox can."""
        return {one["id"]: Decimal(one["cost"]) for one in self._control("ledger", "creates")}

    def _control(self, path: str, name: str) -> list[dict[str, Any]]:
        if not self.url:
            return []
        answer = httpx.get(f"{self.url}/sandbox/{path}", timeout=10, trust_env=False).raise_for_status()
        entries: list[dict[str, Any]] = answer.json()[name]
        return entries


def wants_real(conf: Mapping[str, Any], *, say: Callable[[str], None], ask: Callable[[str], str] | None) -> bool:
    """Ask whether to spend money; no terminal (``ask`` is None) and no answer mean no."""
    if ask is None:
        say(f"{KEY} is set, but there is no terminal to ask on whether to spend money: using the sandbox")
        return False
    say(f"{KEY} is set. The real LemonData would charge your account for {CREATES.format_map(conf)}.")
    try:
        return ask("Spend that? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


@contextmanager
def sandbox(home: Path) -> Iterator[Service]:
    """Run a sandbox as a process of its own; its output goes to ``home/logs/sandbox.out``."""
    mark, output = f"{home}#sandbox", home / "logs" / "sandbox.out"
    processes.end(mark)  # what a crashed run left
    try:
        process = processes.spawn(
            [sys.executable, "-m", "lemondata_provider.sandbox", "--port", "0", "--files", str(home / "videos")],
            mark=mark,
            environment={name: value for name, value in os.environ.items() if name != KEY},
            output=output,
        )
        deadline = time.monotonic() + 20
        while not (ready := _ready(output)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The sandbox did not start: {output}")
            time.sleep(0.1)
        yield ready
    finally:
        with processes.deferred_signals():
            processes.end(mark)


def _ready(output: Path) -> Service | None:
    text = output.read_text(errors="replace")
    url, key = _URL.search(text), _API_KEY.search(text)
    return Service(key.group(), url.group()) if url and key else None
