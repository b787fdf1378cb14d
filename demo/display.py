"""Telling what happens: in place on a terminal, one plain line per change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from demo.progress import Clip

SILENCE = 4.0
"""Seconds after which a plain output repeats itself, so that waiting does not read as hanging."""
COLOURS = {"queued": "dim", "generating": "cyan", "upscaling": "magenta", "done": "green", "failed": "red"}


class Display:
    """The only place that the demo prints from, apart from its last word."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=8)
        self._began = time.monotonic()
        self._said, self._said_at = "", 0.0

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def step(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(Text.assemble((self._clock(), "dim"), "  ", text), soft_wrap=True)
        self._said, self._said_at = text, time.monotonic()

    def waiting(self, text: str) -> None:
        """Say what is being waited for; call it often."""
        if self._console.is_terminal:
            self._live.update(Spinner("dots", Text(f"{self._clock()}  {text}", "dim")))
        elif text != self._said or time.monotonic() - self._said_at > SILENCE:
            self.step(text)

    def clips(self, clips: Sequence[Clip]) -> None:
        """Show how far the clips are; call it often."""
        if self._console.is_terminal:
            self._live.update(Group(_bars(clips), Text(self._clock(), "dim")))
        else:
            # A quarter at a time: one line per percent would be noise in a log.
            self.waiting("; ".join(_words(clip) for clip in clips))

    def table(self, table: Table) -> None:
        """Print a table that stays."""
        self._console.print(table)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._began:5.1f} s"


def _words(clip: Clip) -> str:
    percent = "" if clip.percent is None or clip.stage == "done" else f" {clip.percent // 25 * 25}%"
    return f"clip {clip.number} {clip.stage}{percent}{clip.note and f' ({clip.note})'}"


def _bars(clips: Sequence[Clip]) -> Table:
    table = Table.grid(padding=(0, 2))
    for clip in clips:
        colour = COLOURS[clip.stage]
        table.add_row(
            f"clip {clip.number}",
            Text(f"{clip.stage:10}", colour),
            ProgressBar(100, clip.percent or 0, width=40, complete_style=colour, finished_style=colour),
            "" if clip.percent is None else f"{clip.percent:3d} %",
            f"{clip.seconds:3.0f} s",
            Text(clip.note, "yellow"),
        )
    return table
